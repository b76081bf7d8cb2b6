/**
 * What Fastify's `onRoute` says of a route. A segment of its path that begins with a colon is a parameter; in parentheses behind its name stands
 * a regular expression that it must match.
 */
interface Route {
  readonly url: string
  readonly method: string | readonly string[]
}

interface KnownPath {
  /** As its route names it. */
  readonly pattern: string
  readonly segments: readonly RegExp[]
  readonly methods: readonly string[]
}

/**
 * The paths of the service and the methods of each. `app.findRoute` does not answer the same question: it decodes the path it
 * is given, ends it at a `#`, lets a parameter be empty, and finds a route for every path with a malformed escape or a
 * parameter of more than 100 characters.
 */
export class KnownPaths {
  readonly #paths = new Map<string, KnownPath>()

  add({ url, method }: Route): void {
    const path = withoutLastSlash(url)
    const { pattern, segments, methods } = this.#paths.get(path) ?? { pattern: patternOf(url), segments: segmentsOf(path), methods: [] }
    this.#paths.set(path, { pattern, segments, methods: [...new Set([methods, method].flat())] })
  }

  /**
   * The path that a request asks for, and its methods in the order in which they were added; undefined when there is no such path.
   *
   * @param url the request's target, as it was sent: its escapes are not decoded
   */
  find(url: string): Pick<KnownPath, 'pattern' | 'methods'> | undefined {
    const asked = withoutLastSlash(pathOf(url)).split('/')
    return [...this.#paths.values()].find(({ segments }) => isMatch(segments, asked))
  }
}

function isMatch(segments: readonly RegExp[], asked: readonly string[]): boolean {
  return segments.length === asked.length && segments.every((segment, i) => segment.test(asked[i] as string))
}

function segmentsOf(path: string): RegExp[] {
  return path.split('/').map((segment) => {
    const [, expression] = /^:\w+(?:\((.*)\))?$/.exec(segment) ?? [undefined, undefined]
    if (segment.startsWith(':')) return new RegExp(expression ?? '^.+$', 's')
    return new RegExp(`^${RegExp.escape(segment)}$`)
  })
}

/** The path of a route as logs have it, without the expressions of its parameters: `/api/users/:id/`. */
export function patternOf(url: string): string {
  return url.replace(/\([^/]*\)/g, '')
}

/** The path of a request's target, as it was sent: without its query, and without the scheme and authority of an absolute URL (RFC 9112 §3.2.2). */
export function pathOf(url: string): string {
  return (url.split('?')[0] as string).replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, '')
}

function withoutLastSlash(path: string): string {
  return path.replace(/\/$/, '')
}
