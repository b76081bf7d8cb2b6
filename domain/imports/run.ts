import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import type { Database, Handle, WriteJob } from '../../db/database.ts'
import { QueryRefused } from '../../db/errors.ts'
import { copyPresent, countImported, findAllPresent, findPresent } from '../../db/imported-users.ts'
import { lastUserId, raiseLastId } from '../../db/user-ids.ts'
import type { Core } from '../context.ts'
import { noOrigin, recordEvent } from '../events/record.ts'
import { askedOf, importPage, type PageOptions, type Result } from './page.ts'
import { ImportReport, type ToldRow } from './report.ts'
import type { SourceToken, UserSource } from './source.ts'
import type { ReadTime } from './times.ts'
import { deadTokensOf, killTokens } from './tokens.ts'
import { type Candidate, candidateOf, HIGHEST_ID } from './user.ts'
import { settleWaiting, WAITING_LIMIT } from './waiting.ts'

/** Users, and tokens, of a transaction. More are no faster, and others would wait longer for it. */
const PAGE = 250
/** After a transaction others have the database as long as it took, and at least so long. */
const LEAST_PAUSE_MS = 5
/** While a reader keeps the log of writes from being cut. */
const ASK_AGAIN_MS = 100
/** Somebody may take an id or a name between the look and the insert, where others write meanwhile: then it is looked at again. */
const MOST_RUNS = 4

export interface ImportOptions {
  readonly readTime: ReadTime
  /** An empty database, for an import that is only tried there. Nothing else is written then. */
  readonly rehearsal?: Database | undefined
  /** Told of each user who is left out, or of whom something is to be said. */
  readonly onRow: (row: ToldRow) => void
  /** Told after each page how many users were read. */
  readonly onProgress: (users: number) => void
  readonly isStopping: () => boolean
}

/** The import was asked to end. What it has written stays, and another one goes on from there. */
export class ImportInterrupted extends Error {}

/**
 * Brings the users of another system in, by their ids: those who are new, and those who are here by an import and were changed there since, but
 * not here. Tokens that are revoked there are so here. It can be ended at any time, and run again.
 *
 * @throws {ImportInterrupted} and what reading the source throws
 */
export async function importUsers(core: Core, source: UserSource, options: ImportOptions): Promise<ImportReport> {
  const run = new Run(core, source, options)
  await run.begin()
  await run.users()
  await run.tokens()
  await run.end()
  return run.report
}

class Run {
  readonly report = new ImportReport()
  /** On the database that is written. */
  readonly #core: Core
  /** The database that is asked for what is here. */
  readonly #here: Database
  readonly #source: UserSource
  readonly #options: ImportOptions
  readonly #waiting = new Map<bigint, Candidate>()
  #importedBefore = 0
  #known = 0
  /** Who registers here has a higher id. */
  #lastId = 0n

  constructor(core: Core, source: UserSource, options: ImportOptions) {
    this.#core = { ...core, db: options.rehearsal ?? core.db }
    this.#here = core.db
    this.#source = source
    this.#options = options
  }

  /** First of all ids are set, so that nobody who registers meanwhile takes one of a user who is still to come. */
  async begin(): Promise<void> {
    this.#importedBefore = await countImported(this.#here.read)
    await this.#setIds()
  }

  async users(): Promise<void> {
    const next = (after?: bigint) => this.#source.usersAfter(after, PAGE)
    for (let page = await next(); page.length > 0; ) {
      const candidates = page.map((user) => candidateOf(user, this.#options.readTime))
      const last = candidates.at(-1) as Candidate
      // Of those who came into the source meanwhile.
      if (last.id > this.#lastId) await this.#setIds(last.id)
      const { results, pause } = await this.#attempt(candidates, { waiting: new Set([...this.#waiting.keys()].map(Number)) })
      for (const result of results) this.#note(result)
      this.report.read += page.length
      this.#options.onProgress(this.report.read)
      // The next page is read while others have the database.
      ;[page] = await Promise.all([next(last.id), pause])
    }
    const attempt = async (candidates: readonly Candidate[], how: PageOptions) => {
      const { results, pause } = await this.#attempt(candidates, how)
      await pause
      return results
    }
    for (const result of await settleWaiting(this.#waiting, attempt)) this.#tell(result)
  }

  async tokens(): Promise<void> {
    const next = (after?: bigint) => this.#source.deadTokensAfter(after, PAGE)
    for (let page = await next(); page.length > 0; ) {
      const { added, pause } = await this.#killTokens(page)
      this.report.tokens += added
      ;[page] = await Promise.all([next((page.at(-1) as SourceToken).key), pause])
    }
  }

  async end(): Promise<void> {
    await this.#setIds()
    this.report.lost = Math.max(0, this.#importedBefore - this.#known)
    if (this.#options.rehearsal !== undefined) return
    const { clock, db } = this.#core
    const about = { reason: 'django', subject: `${this.#source.table}: ${this.report.inWords()}` }
    await db.write((handle) => recordEvent(handle, clock(), noOrigin, { kind: 'users_imported', ...about }))
  }

  /** @param atLeast an id that the source has, whatever it says */
  async #setIds(atLeast = 0n): Promise<void> {
    const there = await this.#source.lastId()
    const last = there > atLeast ? there : atLeast
    this.#lastId = last
    const wanted = Number(last > HIGHEST_ID ? HIGHEST_ID : last)
    this.report.nextId =
      1 +
      (this.#options.rehearsal === undefined
        ? await this.#core.db.write((handle) => raiseLastId(handle, wanted), { isLong: true })
        : Math.max(wanted, await lastUserId(this.#here.read)))
  }

  #note(result: Result): void {
    if (result.isKnown) this.#known++
    const mayWait = result.outcome === 'waiting' && this.#waiting.size < WAITING_LIMIT
    if (mayWait) this.#waiting.set(result.candidate.id, result.candidate)
    else this.#tell(result)
  }

  #tell(result: Result): void {
    const row = this.report.add(result)
    if (row !== undefined) this.#options.onRow(row)
  }

  async #attempt(candidates: readonly Candidate[], how: PageOptions) {
    const asked = askedOf(candidates)
    const { result, pause } = await this.#write(
      (handle) => importPage(handle, this.#core, candidates, how),
      async (rehearsal) => {
        if (asked.ids.length === 0) return
        const { deleted } = await findPresent(this.#here.read, asked)
        await copyPresent(rehearsal, await findAllPresent(this.#here.read, asked), deleted)
      },
    )
    return { results: result, pause }
  }

  async #killTokens(page: readonly SourceToken[]) {
    const tokens = deadTokensOf(page, this.#options.readTime, this.#core.clock())
    const { result, pause } = await this.#write(
      (handle) => killTokens(handle, this.#core, tokens),
      async (rehearsal) => {
        const ids = tokens.map(({ user_id }) => user_id)
        await copyPresent(rehearsal, await findAllPresent(this.#here.read, { ids, names: [], keys: [] }), [])
      },
    )
    return { added: result, pause }
  }

  /**
   * Runs a job, on the rehearsal after what it needs was copied there.
   *
   * @returns what the job has returned, and the end of the pause that follows it
   */
  async #write<T>(job: WriteJob<T>, copy: (rehearsal: Handle) => Promise<void>): Promise<{ result: T; pause: Promise<unknown> }> {
    // A signal is heard between two turns of the event loop, and SQLite alone takes none.
    await setImmediate()
    if (this.#options.isStopping()) throw new ImportInterrupted()
    const { db } = this.#core
    if (this.#options.rehearsal !== undefined) {
      const result = await db.write(async (handle) => {
        await copy(handle)
        return job(handle)
      })
      return { result, pause: Promise.resolve() }
    }
    const began = performance.now()
    const result = await again(() => db.write(job))
    return { result, pause: this.#pause(Math.max(LEAST_PAUSE_MS, performance.now() - began)) }
  }

  async #pause(milliseconds: number): Promise<void> {
    await sleep(milliseconds)
    while (!(await this.#core.db.tidy({ isWritingMuch: true }))) {
      if (this.#options.isStopping()) throw new ImportInterrupted()
      await sleep(ASK_AGAIN_MS)
    }
  }
}

async function again<T>(work: () => Promise<T>): Promise<T> {
  for (let runs = 1; ; runs++) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof QueryRefused) || runs === MOST_RUNS) throw error
    }
  }
}
