import type { Command } from 'commander'
import { excerpt, harmless } from '../domain/text.ts'

/** U+FFFD, which Node puts in the place of each byte of an argument that is no UTF-8. */
const UNDECODED = '\ufffd'

/**
 * What commander says of wrong usage, in which it repeats arguments: these are cut and made harmless, and nothing after the `=` of an unknown
 * option is repeated, nor arguments that are too many, for they are secrets where somebody thinks that a command takes one.
 */
export function withExcerpts(message: string, args: readonly string[]): string {
  const unvalued = message
    .replace(/^(error: unknown option '-[^=]*=).*'/s, "$1…'")
    .replace(/^(error: too many arguments .*? but got \d+): .*/s, '$1\n')
  const parts = args.flatMap((arg) => [arg, arg.slice(arg.indexOf('=') + 1)]).toSorted((a, b) => b.length - a.length)
  const cut = parts.filter((part) => excerpt(part) !== part).reduce((text, part) => text.replaceAll(part, () => excerpt(part)), unvalued)
  return cut.split('\n').map(harmless).join('\n')
}

/** Wrong usage: all names that differ in such bytes alone look alike, and a file, user or client of another name would be taken for that meant. */
export function refuseUndecoded(program: Command, args: readonly string[]): void {
  if (args.some((arg) => arg.includes(UNDECODED))) {
    program.error('error: an argument has bytes that are not UTF-8, or U+FFFD, which stands for such bytes')
  }
}
