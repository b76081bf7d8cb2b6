/** What Fastify's `onRoute` says of a route. A segment of its path that begins with a colon is a parameter. */
interface Route {
  readonly url: string
  readonly method: string | readonly string[]
}

interface KnownPath {
  readonly segments: readonly string[]
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
    const { segments, methods } = this.#paths.get(path) ?? { segments: path.split('/'), methods: [] }
    this.#paths.set(path, { segments, methods: [...new Set([methods, method].flat())] })
  }

  /**
   * The methods of a path, in the order in which they were added; undefined when there is no such path.
   *
   * @param path of a request, as it was sent: without its query, its escapes not decoded
   */
  methodsOf(path: string): readonly string[] | undefined {
    const asked = withoutLastSlash(path).split('/')
    return [...this.#paths.values()].find(({ segments }) => isMatch(segments, asked))?.methods
  }
}

function isMatch(segments: readonly string[], asked: readonly string[]): boolean {
  return (
    segments.length === asked.length && segments.every((segment, i) => segment === asked[i] || (segment.startsWith(':') && asked[i] !== ''))
  )
}

function withoutLastSlash(path: string): string {
  return path.replace(/\/$/, '')
}
