// Only on PostgreSQL: it gathers updates.
import { CompiledQuery, sql } from 'kysely'
import t, { type Test } from 'tap'
import type { Database, Handle } from '../../../db/database.ts'
import { DatabaseUnavailable, QueryRefused } from '../../../db/errors.ts'
import { hot } from '../../../db/hot.ts'
import { Connection } from '../../../db/postgres/connection.ts'
import { Interrupted } from '../../../db/postgres/errors.ts'
import { insertSession, type Rotation, rotateSession } from '../../../db/sessions.ts'
import { insertUser } from '../../../db/users.ts'
import { open, waitingForLock } from './open.ts'

const rotation = (id: number, refresh_jti = 'next'): Rotation => ({
  id,
  refreshed_at: 2,
  refresh_jti,
  refresh_iat: 2,
  refresh_exp: 8000,
  pending_jti: null,
  replaced: 'first@1',
  address: 'ü\u{1f600}"{},\\',
  client: '',
})

/** A new database with a user, who has so many sessions, from id 1 on. */
async function openWithSessions(t: Test, count: number): Promise<Awaited<ReturnType<typeof open>>> {
  const opened = await open(t)
  await opened.db.write(async (handle) => {
    const user_id = await insertUser(handle, { username: 'alice', username_key: 'alice', password: '-', created_at: 1 })
    const times = { created_at: 1, refreshed_at: 1, expires_at: 9_000_000, refresh_iat: 1, refresh_exp: 7000 }
    const session = { user_id, sid_secret: null, ...times, refresh_jti: 'first', replaced: '', address: '', client: '' }
    for (let i = 0; i < count; i++) await insertSession(handle, session)
  })
  return opened
}

const rotate = (db: Database, next: Rotation, was = 'first') => db.write((handle) => rotateSession(handle, next, was), { isSingle: true })

const jtis = async ({ read }: Database) =>
  (await read.selectFrom('sessions').select('refresh_jti').orderBy('id').execute()).map((row) => row.refresh_jti)

const gathered = (t: Test) => t.capture(Connection.prototype, 'runGathered', Connection.prototype.runGathered)

t.test('updates that come together share one statement, and each is made, or is not, on its own condition', async (t) => {
  const { db } = await openWithSessions(t, 300)
  const statements = gathered(t)
  const ids = Array.from({ length: 300 }, (_, index) => index + 1)
  const made = await Promise.all(ids.map((id) => rotate(db, rotation(id, `next ${id}`), id % 3 === 0 ? 'another' : 'first')))
  t.same(
    made,
    ids.map((id) => id % 3 !== 0),
  )
  t.same(
    await jtis(db),
    ids.map((id) => (id % 3 === 0 ? 'first' : `next ${id}`)),
  )
  t.equal(statements().length, 1)
  t.same(await db.read.selectFrom('sessions').selectAll().where('id', '=', 1).execute(), [
    {
      ...rotation(1, 'next 1'),
      ...{ user_id: 1, sid_secret: null, created_at: 1, expires_at: 9_000_000, refresh_exp_hour: 2 },
      ...{ elsewhere_at: null, elsewhere_address: null, elsewhere_client: null, ended_at: null, end_reason: null },
    },
  ])
})

t.test('of several updates of one row on the same condition one is made, also when they share a statement', async (t) => {
  const { db } = await openWithSessions(t, 2)
  const made = await Promise.all(Array.from({ length: 20 }, (_, index) => rotate(db, rotation(1 + (index % 2), `${index}`))))
  t.equal(made.filter(Boolean).length, 2)
  t.same(
    await jtis(db),
    [0, 1].map((parity) => `${made.findIndex((isMade, index) => isMade && index % 2 === parity)}`),
  )
})

t.test('a row that somebody has locked keeps no other update waiting, and is changed, or is not, when it is free', async (t) => {
  const { db, others, onlooker } = await openWithSessions(t, 4)
  await others.query('begin')
  await others.query('update sessions set client = $1 where id = 2', ['another'])
  await others.query("update sessions set ended_at = 5, end_reason = 'logout' where id = 3")
  const locked = [2, 3].map((id) => rotate(db, rotation(id)))
  t.same(await Promise.all([1, 4].map((id) => rotate(db, rotation(id)))), [true, true])
  await waitingForLock(onlooker)
  t.same(await jtis(db), ['next', 'first', 'first', 'next'])
  await others.query('commit')
  t.same(await Promise.all(locked), [true, false])
  t.same(await jtis(db), ['next', 'next', 'first', 'next'])
})

t.test('only an update of one table, on a condition, that says which rows it has changed shares a statement', async (t) => {
  const { db } = await openWithSessions(t, 1)
  const statements = gathered(t)
  const others: readonly ((handle: Handle, value: { client: string }) => Promise<{ rows: unknown[] }>)[] = [
    hot((handle, { client }: { client: string }) => handle.updateTable('sessions').set({ client }).returning('client')),
    hot((handle, { client }: { client: string }) => handle.updateTable('sessions').set({ client }).where('id', '=', 1)),
    hot((handle, { client }: { client: string }) =>
      handle.updateTable('sessions').from('users').set({ client }).whereRef('users.id', '=', 'user_id').returning('client'),
    ),
    hot((handle, { client }: { client: string }) => handle.deleteFrom('sessions').where('client', '=', client).returning('client')),
  ]
  const changed: unknown[] = []
  for (const other of others) changed.push((await db.write((handle) => other(handle, { client: 'new' }), { isSingle: true })).rows)
  t.same(changed, [[{ client: 'new' }], [], [{ client: 'new' }], [{ client: 'new' }]])
  t.equal(statements().length, 0)
})

t.test(
  'a statement for many updates finds each row by its key, in one pass, also when the table has few rows or was never counted',
  async (t) => {
    const { db } = await openWithSessions(t, 20)
    const statements = gathered(t)
    await Promise.all(Array.from({ length: 20 }, (_, index) => rotate(db, rotation(index + 1))))
    const [{ args }] = statements() as unknown as [{ args: [string, unknown[]] }]
    const [text, values] = args
    // In a job, for the settings of our connections decide the plan.
    const plan = CompiledQuery.raw(`explain (costs off) ${text}`, values)
    const { rows } = await db.write((handle) => handle.executeQuery<{ 'QUERY PLAN': string }>(plan))
    const scans = rows.flatMap((row) => /\w+(?: \w+)? Scan(?: using \w+)?/.exec(row['QUERY PLAN']) ?? [])
    const byKey = 'Index Scan using sessions_pkey'
    t.same(scans.map((scan) => scan.trim()).sort(), ['CTE Scan', 'Function Scan', byKey, byKey, 'Subquery Scan'])
  },
)

t.test('a value that fails the statement that it shares with others fails alone', async (t) => {
  const { db } = await open(t)
  await db.write(async (handle) => {
    for (const name of ['alice', 'bob', 'carol']) {
      await insertUser(handle, { username: name, username_key: name, password: '-', created_at: 1 })
    }
  })
  const rename = hot((handle, value: { id: number; username: string }) =>
    handle.updateTable('users').set({ username: value.username }).where('id', '=', value.id).returning('id'),
  )
  const names = ['alicia', 'carol']
  const answers = await Promise.allSettled(
    names.map((username, index) => db.write((handle) => rename(handle, { id: index + 1, username }), { isSingle: true })),
  )
  t.match(answers, [
    { value: { rows: [{ id: 1 }] } },
    { reason: new QueryRefused('23505: duplicate key value violates unique constraint "users_username_unique"') },
  ])
  const users = await db.read.selectFrom('users').select('username').orderBy('id').execute()
  t.same(
    users.map(({ username }) => username),
    ['alicia', 'bob', 'carol'],
  )
})

t.test('when the statement that updates share conflicts with another transaction, each is made by itself', async (t) => {
  const { db } = await openWithSessions(t, 2)
  const statements = t.capture(Connection.prototype, 'runGathered', () => Promise.reject(new Interrupted('40001: a conflict')))
  t.same(await Promise.all([1, 2].map((id) => rotate(db, rotation(id)))), [true, true])
  t.equal(statements().length, 1)
  t.same(await jtis(db), ['next', 'next'])
})

t.test('updates with nulls in other places, and with values that no array holds, are made all the same', async (t) => {
  const { db } = await openWithSessions(t, 3)
  const pending = [null, 'first', null]
  const made = await Promise.all(pending.map((pending_jti, index) => rotate(db, { ...rotation(index + 1), pending_jti })))
  t.same(made, [true, true, true])
  const rows = await db.read.selectFrom('sessions').select('pending_jti').orderBy('id').execute()
  t.same(
    rows.map(({ pending_jti }) => pending_jti),
    pending,
  )
  t.equal(await rotate(db, { ...rotation(1, 'later'), refreshed_at: 2 ** 60 }, 'next'), true)
})

t.test('updates that wait when the database is closed are made first', async (t) => {
  const { db, others, onlooker } = await openWithSessions(t, 4)
  await others.query('begin; lock table sessions in access exclusive mode')
  const made: Promise<boolean>[] = []
  for (const id of [1, 2, 3, 4]) {
    made.push(rotate(db, rotation(id)))
    await waitingForLock(onlooker)
  }
  const closed = db.close()
  await others.query('commit')
  await closed
  t.same(await Promise.all(made), [true, true, true, true])
})

t.test('when a connection breaks, the updates that were sent by it are unsure, and the others are made', async (t) => {
  const { db, others, onlooker } = await openWithSessions(t, 5)
  await others.query('begin; lock table sessions in access exclusive mode')
  const sent = Promise.allSettled([1, 2].map((id) => rotate(db, rotation(id))))
  const pid = await waitingForLock(onlooker)
  const waiting = [3, 4].map((id) => rotate(db, rotation(id)))
  await onlooker.query('select pg_terminate_backend($1)', [pid])
  const unsure = await sent
  await others.query('commit')
  for (const { reason } of unsure as PromiseRejectedResult[]) {
    t.type(reason, DatabaseUnavailable)
    t.match(reason.message, /nobody knows|57P01/)
  }
  t.same(await Promise.all(waiting), [true, true])
  t.same(await jtis(db), ['first', 'first', 'next', 'next', 'first'])
})

t.test('a refresh changes no column of an index but the hour of its expiry: else it would get a new entry in every index', async (t) => {
  const { db } = await open(t)
  const { rows } = await sql<{ name: string }>`select distinct attname as name from pg_index
    join pg_attribute on attrelid = indrelid and attnum = any(indkey) where indrelid = 'sessions'::regclass`.execute(db.read)
  const indexed = rows.map(({ name }) => name)
  t.same(indexed.sort(), ['ended_at', 'id', 'refresh_exp_hour', 'user_id'])
  const { id: _, ...changed } = rotation(1)
  t.same(
    indexed.filter((name) => name in changed),
    [],
  )
})
