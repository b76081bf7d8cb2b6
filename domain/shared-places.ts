import type { Shares } from './address.ts'
import { Chain, Link } from './chain.ts'

/** A place that somebody has. */
export class Place<T> {
  readonly holder: T
  readonly group: Group<T>
  readonly link: Link<Place<T>> = new Link<Place<T>>(this)

  constructor(holder: T, group: Group<T>) {
    this.holder = holder
    this.group = group
  }
}

/**
 * A bounded number of places, shared alike among networks, and within a wide network among the narrow ones of it. One network may have all of
 * them; then a newcomer of another one takes over the newest place of the largest, as long as it does not become the larger of the two.
 * Whatever the number of networks, each step costs the same.
 */
export class SharedPlaces<T> {
  readonly #capacity: number
  readonly #all = new Group<T>()

  /** @param capacity how many places there are, at least one */
  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** How many are taken. */
  get size(): number {
    return this.#all.size
  }

  /** Whether a newcomer would get a place. */
  admits(shares: Shares): boolean {
    return this.size < this.#capacity || this.#givingWay(shares) !== undefined
  }

  /**
   * Takes a place.
   *
   * @returns the place, and who had to leave for it, if anybody; undefined when there is none for this newcomer
   */
  enter(shares: Shares, holder: T): { readonly place: Place<T>; readonly displaced?: T } | undefined {
    if (this.size < this.#capacity) return { place: this.#add(shares, holder) }
    const giving = this.#givingWay(shares)
    if (giving === undefined) return undefined
    this.leave(giving)
    return { place: this.#add(shares, holder), displaced: giving.holder }
  }

  /** Gives a place back. @returns whether it was still held */
  leave({ group, link }: Place<T>): boolean {
    if (link.chain === undefined) return false
    group.places.remove(link)
    group.resize(-1)
    return true
  }

  /** Gives back the place whose turn it is: networks take turns, and in a network the oldest comes first. @returns its holder, if there is one */
  takeNext(): T | undefined {
    let group = this.#all
    for (let next = group.turns.first; next !== undefined; next = group.turns.first) {
      group.turns.append(next.turn)
      group = next
    }
    const place = group.places.first
    if (place) this.leave(place)
    return place?.holder
  }

  #add(shares: Shares, holder: T): Place<T> {
    let group = this.#all
    for (const name of shares) group = group.child(name)
    const place = new Place(holder, group)
    group.places.append(place.link)
    group.resize(1)
    return place
  }

  /** The newest place of the largest network, wide or narrow, that will not be smaller than the newcomer's. */
  #givingWay(shares: Shares): Place<T> | undefined {
    let group = this.#all
    for (const name of shares) {
      const own = group.children.get(name)
      const { largest } = group
      if (largest !== undefined && (own?.size ?? 0) + 1 < largest.size) return newestOf(largest)
      if (own === undefined) return undefined
      group = own
    }
    return undefined
  }
}

function newestOf<T>(largest: Group<T>): Place<T> | undefined {
  let group = largest
  while (group.largest) group = group.largest
  return group.places.last
}

/** The places of a network: in groups of smaller networks, or, in the smallest, in the order of coming. It is dropped when it is empty. */
class Group<T> {
  readonly #name: string
  readonly #parent: Group<T> | undefined
  readonly #bySize = new BySize<Group<T>>()
  readonly #sized: Link<Group<T>> = new Link<Group<T>>(this)
  readonly places = new Chain<Place<T>>()
  readonly children = new Map<string, Group<T>>()
  /** The children in the order of their turns. */
  readonly turns = new Chain<Group<T>>()
  readonly turn: Link<Group<T>> = new Link<Group<T>>(this)
  size = 0

  constructor(name = '', parent?: Group<T>) {
    this.#name = name
    this.#parent = parent
  }

  /** The largest child. */
  get largest(): Group<T> | undefined {
    return this.#bySize.largest
  }

  /** The child of this name, made where there is none. A place must come into it. */
  child(name: string): Group<T> {
    let child = this.children.get(name)
    if (child === undefined) {
      child = new Group(name, this)
      this.children.set(name, child)
      this.turns.append(child.turn)
    }
    return child
  }

  /** Counts a place that came or went, here and in the groups around this one. */
  resize(by: 1 | -1): void {
    this.size += by
    if (this.#parent === undefined) return
    this.#parent.#bySize.move(this.#sized, this.size - by, this.size)
    if (this.size === 0) this.#parent.#drop(this)
    this.#parent.resize(by)
  }

  #drop(child: Group<T>): void {
    this.children.delete(child.#name)
    this.turns.remove(child.turn)
  }
}

/** Things by their size. It changes by one at a time, so the largest is found without a search. */
class BySize<T> {
  readonly #chains = new Map<number, Chain<T>>()
  #largest = 0

  /** Of several, the one that came to this size last. */
  get largest(): T | undefined {
    return this.#chains.get(this.#largest)?.last
  }

  /** A thing of size 0 is not kept. */
  move(link: Link<T>, from: number, to: number): void {
    const old = this.#chains.get(from)
    old?.remove(link)
    if (old?.first === undefined) this.#chains.delete(from)
    if (to > 0) this.#chainOf(to).append(link)
    if (to > this.#largest) this.#largest = to
    else if (!this.#chains.has(this.#largest)) this.#largest = to
  }

  #chainOf(size: number): Chain<T> {
    const chain = this.#chains.get(size) ?? new Chain<T>()
    this.#chains.set(size, chain)
    return chain
  }
}
