/** The place of a value in a chain. It is in one chain at a time, at most. */
export class Link<T> {
  readonly value: T
  chain: Chain<T> | undefined
  before: Link<T> | undefined
  after: Link<T> | undefined

  constructor(value: T) {
    this.value = value
  }
}

/** A doubly linked list: unlike an array or a `Map` it loses any of its members, also the first one, in constant time. */
export class Chain<T> {
  #first: Link<T> | undefined
  #last: Link<T> | undefined

  get first(): T | undefined {
    return this.#first?.value
  }

  get last(): T | undefined {
    return this.#last?.value
  }

  /** The first value of which something is true. Takes the longer the later it comes. */
  find(isIt: (value: T) => boolean): T | undefined {
    let link = this.#first
    while (link !== undefined && !isIt(link.value)) link = link.after
    return link?.value
  }

  /** Puts a link to the end, wherever it was. */
  append(link: Link<T>): void {
    link.chain?.remove(link)
    link.chain = this
    link.before = this.#last
    if (this.#last) this.#last.after = link
    else this.#first = link
    this.#last = link
  }

  /** Does nothing if the link is not in this chain. */
  remove(link: Link<T>): void {
    if (link.chain !== this) return
    if (link.before) link.before.after = link.after
    else this.#first = link.after
    if (link.after) link.after.before = link.before
    else this.#last = link.before
    link.chain = link.before = link.after = undefined
  }
}
