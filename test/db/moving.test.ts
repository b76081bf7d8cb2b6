// Not on PostgreSQL: it moves between both databases, and so runs once, beside what runs on SQLite.
import { setTimeout as sleep } from 'node:timers/promises'
import SQLite from 'better-sqlite3'
import { sql } from 'kysely'
import { DEFAULT_MIGRATION_LOCK_TABLE, DEFAULT_MIGRATION_TABLE } from 'kysely/migration'
import t, { type Test } from 'tap'
import { insertClient } from '../../db/clients.ts'
import type { Database } from '../../db/database.ts'
import { adapterOf } from '../../db/dialect.ts'
import { MoveRefused } from '../../db/moving/errors.ts'
import { moveRows } from '../../db/moving/move.ts'
import { movedTables } from '../../db/moving/rows.ts'
import { insert } from './file.ts'
import { connect, type Kind, newPlace, openAt, type Place, skipped } from './moving/places.ts'
import { contentOf, fillWithSample, highestIds } from './moving/sample.ts'

const WAYS: readonly (readonly [from: Kind, to: Kind])[] = [
  ['sqlite', 'sqlite'],
  ['sqlite', 'postgres'],
  ['postgres', 'sqlite'],
  ['postgres', 'postgres'],
]

/** Moves between these; those on PostgreSQL are skipped where there is none. */
const onlyWith = (...kinds: readonly Kind[]) => (kinds.includes('postgres') ? skipped : {})

const untold = () => {}
const CLIENT = { client_id: 'c', name: 'shop', secret_hash: '', created_at: 1 }

interface Sides {
  readonly from: Place
  readonly to: Place
  readonly source: Database
  readonly target: Database
}

/** A database with the sample, and one without rows. */
async function sides(t: Test, from: Kind, to: Kind): Promise<Sides> {
  const places = { from: newPlace(t, from), to: newPlace(t, to) }
  const [source, target] = [await openAt(t, places.from), await openAt(t, places.to)]
  await fillWithSample(source)
  return { ...places, source, target }
}

t.test('every table is moved, but those of locks and of migrations', async (t) => {
  const db = await openAt(t, newPlace(t, 'sqlite'))
  const tables = (await db.read.introspection.getTables({ withInternalKyselyTables: true })).map(({ name }) => name)
  t.same(new Set(tables), new Set([...movedTables, 'locks', DEFAULT_MIGRATION_TABLE, DEFAULT_MIGRATION_LOCK_TABLE]))
})

t.test('the sample has a value in every column, so that these tests see each move', async (t) => {
  const db = await openAt(t, newPlace(t, 'sqlite'))
  await fillWithSample(db)
  for (const table of movedTables) {
    const rows: Record<string, unknown>[] = await db.read.selectFrom(table).selectAll().execute()
    const columns = Object.keys(rows[0] ?? {})
    t.same(
      columns.filter((column) => rows.every((row) => row[column] === null)),
      [],
      table,
    )
  }
})

for (const [from, to] of WAYS) {
  t.test(`a move from ${from} to ${to} keeps every row and column, and no id comes again`, onlyWith(from, to), async (t) => {
    const { source, target } = await sides(t, from, to)
    const before = await contentOf(source)
    const moved = await moveRows(source, target, untold)
    t.same(await contentOf(target), before)
    t.same(await contentOf(source), before, 'the source is as it was')
    t.same(
      moved.map(({ table, rows }) => [table, rows]),
      movedTables.map((table) => [table, (before[table] as unknown[]).length]),
    )
    await target.write((handle) => insert(handle, 'newcomer'))
    const { id } = await target.read.selectFrom('users').select('id').where('username', '=', 'newcomer').executeTakeFirstOrThrow()
    t.equal(id, highestIds.users + 1)
  })
}

const UNMOVABLE: readonly (readonly [from: Kind, update: string, message: string])[] = [
  [
    'sqlite',
    "update secrets set value = 'a' || char(0)",
    'the row of secrets with {"name":"names"} cannot be moved: its value has a NUL character, which not every database can hold',
  ],
  [
    'sqlite',
    'update tallies set next_at = 1.5',
    'the row of tallies with {"key":"k"} cannot be moved: its next_at is no text and no whole number below 2^53',
  ],
  [
    'postgres',
    "update SCHEMA.lane_places set at = 9007199254740993 where lane || party || member = 'aba'",
    'the row of lane_places with {"lane":"a","party":"b","member":"a"} cannot be moved: its at is no text and no whole number below 2^53',
  ],
]

for (const [from, update, message] of UNMOVABLE) {
  t.test(`a row that not every database can hold is named, and nothing is moved: ${update}`, onlyWith(from), async (t) => {
    const { from: place, source, target } = await sides(t, from, 'sqlite')
    const empty = await contentOf(target)
    await source.write((db) => sql.raw(update.replace('SCHEMA', place.schema)).execute(db))
    await t.rejects(moveRows(source, target, untold), { constructor: MoveRefused, message })
    t.same(await contentOf(target), empty)
  })
}

for (const kind of ['sqlite', 'postgres'] as const) {
  t.test(`a target on ${kind} that has a row is left as it is`, onlyWith(kind), async (t) => {
    const { source, target } = await sides(t, 'sqlite', kind)
    await target.write((db) => insertClient(db, CLIENT))
    const before = await contentOf(target)
    await t.rejects(moveRows(source, target, untold), {
      constructor: MoveRefused,
      message: 'the new database has rows already, in clients: after a move it has all, else name an empty one',
    })
    t.same(await contentOf(target), before)
  })

  t.test(`a database on ${kind} is not moved to itself, nor one that has no rows`, onlyWith(kind), async (t) => {
    const place = newPlace(t, kind)
    const [source, target] = [await openAt(t, place), await openAt(t, place)]
    await t.rejects(moveRows(source, target, untold), { constructor: MoveRefused, message: 'there is nothing to move: no table has a row' })
    await source.write((db) => insertClient(db, CLIENT))
    await t.rejects(moveRows(source, target, untold), {
      constructor: MoveRefused,
      message: /^the new database has rows already, in clients: /,
    })
  })

  t.test(`an id that the target on ${kind} has given before does not come again`, onlyWith(kind), async (t) => {
    const { source, target } = await sides(t, 'sqlite', kind)
    const given = highestIds.users + 1000
    await target.write((db) => adapterOf(db).setLastId(db, 'users', given))
    await moveRows(source, target, untold)
    t.equal((await contentOf(target))['ids of users'], given)
  })
}

t.test('while a SQLite database is moved nobody writes it, and it is read', skipped, async (t) => {
  const { from, to, source, target } = await sides(t, 'sqlite', 'postgres')
  const other = new SQLite(from.url.slice('file:'.length), { timeout: 0 })
  t.teardown(() => other.close())
  const moving = await held(t, to, () => moveRows(source, target, untold))
  await until(async () => isLocked(other))
  t.equal(other.prepare('select count(*) from users').pluck().get(), 6)
  await moving.goOn()
  t.same(await contentOf(target), await contentOf(source))
  t.notOk(isLocked(other), 'the lock is gone')
})

t.test('while a PostgreSQL database is moved nobody writes it, and it is read', skipped, async (t) => {
  const { from, to, source, target } = await sides(t, 'postgres', 'postgres')
  const other = await connect(t)
  await other.query(`set search_path = ${from.schema}; set lock_timeout = 1`)
  const isLocked = (table: string) =>
    other.query(`delete from ${table} where false`).then(
      () => false,
      ({ code }) => code === LOCK_NOT_AVAILABLE,
    )
  const moving = await held(t, to, () => moveRows(source, target, untold))
  for (const table of [...movedTables, 'locks']) await until(() => isLocked(table))
  t.equal((await other.query('select count(*)::int from users')).rows[0].count, 6)
  await moving.goOn()
  t.same(await contentOf(target), await contentOf(source))
  for (const table of [...movedTables, 'locks']) t.notOk(await isLocked(table), table)
})

const LOCK_NOT_AVAILABLE = '55P03'

/** Begins a move to a database on PostgreSQL that another one writes: it waits for that, with the source locked. */
async function held(t: Test, to: Place, move: () => Promise<unknown>): Promise<{ goOn(): Promise<void> }> {
  const writer = await connect(t)
  await writer.query(`begin; lock table ${to.schema}.users in share mode`)
  const moving = move()
  // Whoever asserts something meanwhile may fail first.
  moving.catch(() => {})
  const goOn = async () => {
    await writer.query('commit')
    await moving
  }
  return { goOn }
}

function isLocked(sqlite: SQLite.Database): boolean {
  try {
    sqlite.exec('begin immediate; rollback')
    return false
  } catch (error) {
    if ((error as { code: string }).code === 'SQLITE_BUSY') return true
    throw error
  }
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(2)
}
