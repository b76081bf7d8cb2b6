import { DatabaseOverloaded, DatabaseUnavailable } from '../errors.ts'
import { type Connection, STATEMENT_MS } from './connection.ts'

const WAITING_LIMIT = 2000
const LOOK_EVERY_MS = 100
/** When the process itself was held up for so long, the answers are there and have only not been read. */
const HELD_UP_MS = 400

interface Waiting {
  readonly since: number
  readonly resolve: (connection: Connection) => void
  readonly reject: (error: Error) => void
}

/**
 * Connections that are lent, one to each transaction. When one cannot be opened, because the server has no more, those that are open go
 * round; when none is open, all who wait are told at once. A server that does not answer is given up.
 */
export class Pool {
  readonly #connect: () => Promise<Connection>
  readonly #size: number
  readonly #open = new Set<Connection>()
  readonly #idle: Connection[] = []
  readonly #watch: NodeJS.Timeout | undefined
  #waiting: Waiting[] = []
  #connecting = 0
  #refused = 0
  #lookedAt = performance.now()
  #isClosed = false
  #onIdle: () => void = () => {}

  /**
   * @param connect opens one more connection
   * @param isPatient whether a statement may take as long as it takes
   */
  constructor(connect: () => Promise<Connection>, size: number, { isPatient = false }: { readonly isPatient?: boolean } = {}) {
    this.#connect = connect
    this.#size = size
    if (!isPatient) this.#watch = setInterval(() => this.#look(), LOOK_EVERY_MS).unref()
  }

  /** How many wait for a connection, and how many were refused because too many did. */
  get stats(): { readonly waiting: number; readonly refused: number } {
    return { waiting: this.#waiting.length, refused: this.#refused }
  }

  /**
   * A connection, until it is given back.
   *
   * @throws {DatabaseOverloaded} when too many wait, or for too long
   * @throws {DatabaseUnavailable} when none can be opened
   */
  async take(): Promise<Connection> {
    if (this.#isClosed) throw new DatabaseUnavailable('the database is closed')
    const idle = this.#idle.pop()
    if (idle !== undefined) return idle
    if (this.#waiting.length >= WAITING_LIMIT) {
      this.#refused++
      throw new DatabaseOverloaded('too many writes are waiting')
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ since: performance.now(), resolve, reject })
      this.#grow()
    })
  }

  /** Takes a connection back. */
  give(connection: Connection): void {
    if (connection.isBroken) return
    const next = this.#waiting.shift()
    if (next !== undefined) next.resolve(connection)
    else this.#idle.push(connection)
    this.#tellIfIdle()
  }

  /** Closes all connections, once they have been given back. */
  async close(): Promise<void> {
    this.#isClosed = true
    if (!this.#isIdle) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve
      })
    }
    clearInterval(this.#watch)
    for (const connection of this.#open) connection.end()
  }

  get #isIdle(): boolean {
    return this.#connecting === 0 && this.#waiting.length === 0 && this.#idle.length === this.#open.size
  }

  #tellIfIdle(): void {
    if (this.#isClosed && this.#isIdle) this.#onIdle()
  }

  #grow(): void {
    if (this.#open.size + this.#connecting >= this.#size || this.#connecting >= this.#waiting.length) return
    this.#connecting++
    this.#connect()
      .then(
        (connection) => this.#add(connection),
        (error: Error) => this.#failed(error),
      )
      .finally(() => this.#tellIfIdle())
  }

  #add(connection: Connection): void {
    // It may have ended as soon as it was open.
    if (connection.isBroken) {
      this.#failed(new DatabaseUnavailable('the server has closed the connection'))
      return
    }
    this.#connecting--
    this.#open.add(connection)
    connection.onEnd(() => this.#remove(connection))
    this.give(connection)
  }

  #failed(error: Error): void {
    this.#connecting--
    if (this.#open.size === 0) this.#refuseAll(error)
  }

  #remove(connection: Connection): void {
    this.#open.delete(connection)
    const at = this.#idle.indexOf(connection)
    if (at >= 0) this.#idle.splice(at, 1)
    this.#grow()
    this.#tellIfIdle()
  }

  #refuseAll(error: Error): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const { reject } of waiting) reject(error)
  }

  #look(): void {
    const now = performance.now()
    const wasHeldUp = now - this.#lookedAt > HELD_UP_MS
    this.#lookedAt = now
    if (wasHeldUp) return
    const long = now - STATEMENT_MS
    for (const connection of this.#open) {
      if ((connection.waitingSince ?? now) > long) continue
      connection.abandon()
      this.#refuseAll(new DatabaseUnavailable('the server does not answer'))
    }
    while ((this.#waiting[0]?.since ?? now) <= long) this.#waiting.shift()?.reject(new DatabaseOverloaded('no connection was free in time'))
  }
}
