/** The least time between two lines of one key, in milliseconds. */
const SPACING_MS = 1000

/** Writes a line that stands for `count` things of the same kind: itself, and those that it was held back for. */
type Write = (count: number) => void

interface Key {
  readonly timer: NodeJS.Timeout
  /** The first line since the last one that was written, and how many there were. */
  held: { readonly write: Write; count: number } | undefined
}

/**
 * Lines of a log, at most one a second of each key. The first one after a second of quiet is written at once. Of those that follow within
 * the second the first is written at its end, with how many there were.
 */
export class CountedLines {
  readonly #keys = new Map<string, Key>()

  /** How many keys have had a line within the last second. */
  get size(): number {
    return this.#keys.size
  }

  /** Whether a key has had a line within the last second. */
  has(key: string): boolean {
    return this.#keys.has(key)
  }

  add(key: string, write: Write): void {
    const known = this.#keys.get(key)
    if (known === undefined) {
      this.#write(key, write, 1)
      return
    }
    known.held ??= { write, count: 0 }
    known.held.count++
  }

  /** Writes what is held back. */
  flush(): void {
    for (const { timer, held } of this.#keys.values()) {
      clearTimeout(timer)
      held?.write(held.count)
    }
    this.#keys.clear()
  }

  #write(key: string, write: Write, count: number): void {
    this.#keys.set(key, { timer: setTimeout(() => this.#endSecond(key), SPACING_MS).unref(), held: undefined })
    write(count)
  }

  #endSecond(key: string): void {
    const held = this.#keys.get(key)?.held
    this.#keys.delete(key)
    if (held !== undefined) this.#write(key, held.write, held.count)
  }
}
