// Databases for the tests that run on PostgreSQL. To make one takes as long as several tests: a process makes few, and empties each for the
// next test.
import pg from 'pg'
import type { Test } from 'tap'
import { openDatabase } from '../../db/open.ts'

interface Kept {
  readonly url: string
  /** One connection, which does not keep the process alive. */
  readonly admin: pg.Pool
}

const free: Kept[] = []
let made = 0

/**
 * The URL of a database with all tables and no rows, on the server of `TEST_DATABASE_URL`, for one test. Whatever is still connected to it
 * when the test is over is cut off.
 */
export async function emptyDatabase(t: Pick<Test, 'teardown'>): Promise<string> {
  const kept = free.pop() ?? (await make())
  t.teardown(async () => {
    if (await empty(kept)) free.push(kept)
    else await kept.admin.end()
  })
  return kept.url
}

async function make(): Promise<Kept> {
  template ??= process.env.TEST_DATABASE_TEMPLATE ?? makeTemplate(serverUrl())
  const name = `${await template}_${process.pid}_${++made}`
  // Copying files is faster than writing the copy to the log.
  await onServer(serverUrl(), `create database ${name} template ${await template} strategy file_copy`)
  const kept = connect(named(serverUrl(), name))
  // Before a test changes the tables.
  emptying ??= emptyingQuery(kept.admin)
  await emptying
  return kept
}

function connect(url: string): Kept {
  const admin = new pg.Pool({ connectionString: url, max: 1, idleTimeoutMillis: 0, allowExitOnIdle: true })
  // A test may end the server.
  admin.on('error', () => {})
  return { url, admin }
}

function serverUrl(): string {
  const url = process.env.TEST_DATABASE_URL
  if (url === undefined) throw new Error('TEST_DATABASE_URL is not set: run the tests by npm test')
  return url
}

function named(url: string, database: string): string {
  return Object.assign(new URL(url), { pathname: `/${database}` }).href
}

async function onServer(url: string, query: string): Promise<pg.QueryResult> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return await client.query(query)
  } finally {
    await client.end()
  }
}

let template: string | Promise<string> | undefined

/** Whether an app or a process is connected to a database. */
export async function isConnected(url: string): Promise<boolean> {
  const query = `select from pg_stat_activity where datname = '${new URL(url).pathname.slice(1)}' and application_name = 'latchkey'`
  return (await onServer(serverUrl(), query)).rows.length > 0
}

/** Makes a database with all tables on a server. Resolves to its name, with which the names of its copies begin. */
export async function makeTemplate(url: string): Promise<string> {
  const name = `latchkey_test_${Date.now().toString(36)}_${process.pid}`
  await onServer(url, `create database ${name}`)
  await (await openDatabase(named(url, name))).close()
  return name
}

/** Removes a template and its copies. */
export async function dropDatabases(url: string, template: string): Promise<void> {
  const { rows } = await onServer(url, `select datname from pg_database where starts_with(datname, '${template}')`)
  for (const { datname } of rows) await onServer(url, `drop database ${datname} with (force)`)
}

const CUT_OFF =
  'select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()'

/** One statement that deletes all rows, whatever refers to them: references are checked at its end. */
const DELETE = `
  select 'with ' || string_agg(format('%s as (delete from %I.%I)', 'd' || c.oid, n.nspname, c.relname), ', ') || ' select 1' as query
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind = 'r' and n.nspname = 'public' and c.relname not like 'kysely%'`
const RESTART = `select format('select setval(%L, 1, false)', format('%I.%I', schemaname, sequencename)) as query
  from pg_sequences where schemaname = 'public'`

let emptying: Promise<string> | undefined

/** False when a test has changed the tables: then the database is of no more use. */
async function empty({ admin }: Kept): Promise<boolean> {
  const query = `${CUT_OFF}; ${await emptying}`
  return admin.query(query).then(
    () => true,
    () => false,
  )
}

/** Deleting is four times faster than `truncate`, which makes new files for every table and index. */
async function emptyingQuery(admin: pg.Pool): Promise<string> {
  const results = await admin.query(`${DELETE}; ${RESTART}`)
  return (results as unknown as pg.QueryResult[]).flatMap(({ rows }) => rows.map(({ query }) => query)).join('; ')
}
