import { excerpt, harmless } from '../domain/text.ts'

/**
 * What commander says of wrong usage, in which it repeats arguments: these are cut and made harmless, and nothing after the `=` of an unknown
 * option is repeated, for it is a secret where somebody thinks that there is an option for it.
 */
export function withExcerpts(message: string, args: readonly string[]): string {
  const unvalued = message.replace(/^(error: unknown option '-[^=]*=).*'/s, "$1…'")
  const parts = args.flatMap((arg) => [arg, arg.slice(arg.indexOf('=') + 1)]).toSorted((a, b) => b.length - a.length)
  const cut = parts.filter((part) => excerpt(part) !== part).reduce((text, part) => text.replaceAll(part, () => excerpt(part)), unvalued)
  return cut.split('\n').map(harmless).join('\n')
}
