import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import pg from 'pg'
import type { Test } from 'tap'
import type { Database } from '../../../db/database.ts'
import { openDatabase } from '../../../db/open.ts'
import { folder } from '../../server/process.ts'

/** Where a database is, or will be. */
export interface Place {
  readonly url: string
  readonly schema: string
}

export type Kind = 'sqlite' | 'postgres'

/** The server of the tests. Each database on it is a schema here. */
export const server = process.env.TEST_DATABASE_URL

/** For tests that need the server. */
export const skipped = { skip: server === undefined && 'there is no PostgreSQL' }

/** A place where no database is yet. What is made there goes at the end of the test. */
export function newPlace(t: Pick<Test, 'teardown'>, kind: Kind): Place {
  if (kind === 'sqlite') return { url: `file:${join(folder(t), 'latchkey.db')}`, schema: 'public' }
  const schema = `move_${randomBytes(6).toString('hex')}`
  t.teardown(() => drop(schema))
  return { url: server as string, schema }
}

/** Opens the database of a place until the end of the test, and makes it before if need be. */
export async function openAt(t: Pick<Test, 'teardown'>, { url, schema }: Place): Promise<Database> {
  const db = await openDatabase(url, { schema, pool: 2 })
  t.teardown(() => db.close())
  return db
}

/** A connection of its own to the server of the tests, until the end of the test. */
export async function connect(t: Pick<Test, 'teardown'>): Promise<pg.Client> {
  const client = new pg.Client(server)
  await client.connect()
  t.teardown(() => client.end())
  return client
}

async function drop(schema: string): Promise<void> {
  const client = new pg.Client(server)
  await client.connect()
  await client.query(`drop schema if exists ${schema} cascade`)
  await client.end()
}
