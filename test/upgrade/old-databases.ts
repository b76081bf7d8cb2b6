import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import { type Cleanup, folder } from '../server/process.ts'

/** A session of an old database, by the tokens that its client has; README.md says how each came about. */
export interface OldSession {
  /** Of its row, and the whole `sid` of its tokens. */
  readonly id: string
  readonly user: 'alice' | 'bob'
  readonly refresh: string
  readonly access: string
  /** Replaced refresh tokens that still answer with the current one at `START`. */
  readonly replacedInGrace?: readonly string[]
  /** A replaced refresh token that is past the grace. */
  readonly replacedLongAgo?: string
  /** The refresh token that replaced `refresh`, in an answer that the client may have lost. */
  readonly successor?: string
}

const sessionNames = ['underEarlierKey', 'idle', 'fresh', 'refreshedOnce', 'refreshedOften', 'loggedOut', 'ofBob'] as const
const namesWhereTokensRotate = ['endedByReuse', 'reusable', 'lostAnswer'] as const

/** What a service of before left behind. */
export interface OldDatabase {
  readonly name: string
  /** Puts its rows into a new database, and resolves to the URL; where this is left out, they are put into a new file. */
  readonly restore?: (t: Cleanup) => Promise<string>
  /** The settings it ran with, beside `PORT=4300`. */
  readonly settings: Readonly<Record<string, string>>
  /** A client that may introspect. */
  readonly client: { readonly clientId: string; readonly clientSecret: string }
  readonly sessions: Readonly<
    Record<(typeof sessionNames)[number], OldSession> & Partial<Record<(typeof namesWhereTokensRotate)[number], OldSession>>
  >
}

const names = ['on', 'off', 'confirmed'].flatMap((rotation) =>
  ['ES256', 'HS256'].flatMap((algorithm) => ['plain', 'sealed'].map((storage) => `${rotation}-${algorithm}-${storage}`)),
)

const read = (file: string) => readFileSync(join(import.meta.dirname, 'databases', file), 'utf8')

/** One of each: `REFRESH_ROTATION`, `JWT_ALGORITHM`, and `sealed` with `SECRETS_KEY` or `plain` without. */
export const oldDatabases: readonly OldDatabase[] = names.map((name) => ({ name, ...JSON.parse(read(`${name}.json`)) }))

/** Of these each value of each setting is there once at least. The private keys of two can be read. */
export const someOldDatabases = oldDatabases.filter(({ name }) =>
  ['on-ES256-plain', 'confirmed-HS256-sealed', 'off-HS256-plain'].includes(name),
)

/** Writes an old database to a new file, as it was when its service stopped. @returns its path */
export function writeOldDatabase(t: Cleanup, { name }: OldDatabase): string {
  const file = join(folder(t), 'latchkey.db')
  const db = new SQLite(file)
  db.exec(read('schema.sql'))
  db.exec(read(`${name}.sql`))
  db.close()
  return file
}

/** The SQL that puts its rows into other tables of its time, a statement each, by table. */
export function rowsOf({ name }: OldDatabase): (readonly [table: string, statement: string])[] {
  return Array.from(read(`${name}.sql`).matchAll(/^INSERT INTO "(\w+)" VALUES .*?\);$/gms), ([statement, table]) => [
    table as string,
    statement,
  ])
}
