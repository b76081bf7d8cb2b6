// Only on PostgreSQL: it gathers look-ups.
import { sql } from 'kysely'
import t from 'tap'
import { QueryRefused } from '../../../db/errors.ts'
import { hot } from '../../../db/hot.ts'
import { Connection } from '../../../db/postgres/connection.ts'
import { findUserByName, insertUser } from '../../../db/users.ts'
import { open, waitingForLock } from './open.ts'

const addUsers = async (db: Awaited<ReturnType<typeof open>>['db'], ...names: string[]) =>
  db.write(async (handle) => {
    for (const name of names) await insertUser(handle, { username: name, username_key: name, password: '-', created_at: 1 })
  })

t.test('look-ups that come together share one statement, and each is answered with its own rows, in their order', async (t) => {
  const { db } = await open(t)
  const names = Array.from({ length: 300 }, (_, index) => `user "${index}", {\\}, ü\u{1f600}`)
  await addUsers(db, ...names)
  const statements = t.capture(Connection.prototype, 'runGathered', Connection.prototype.runGathered)
  const asked = names.flatMap((name) => [name, `no ${name}`])
  const found = await Promise.all(asked.map((name) => findUserByName(db.read, name)))
  t.same(
    found.map((user) => user?.username),
    names.flatMap((name) => [name, undefined]),
  )
  t.equal(statements().length, 1)
})

t.test('a look-up alone is a statement of its own, and so is one of nulls', async (t) => {
  const { db } = await open(t)
  const statements = t.capture(Connection.prototype, 'runGathered', Connection.prototype.runGathered)
  const isNull = hot((db, value: { text: string | null }) =>
    db.selectNoFrom((eb) => eb(eb.cast<string | null>(eb.val(value.text), 'text'), 'is', null).as('answer')),
  )
  t.same((await isNull(db.read, { text: null })).rows, [{ answer: true }])
  const answers = await Promise.all([isNull(db.read, { text: null }), isNull(db.read, { text: 'a' })])
  t.same(
    answers.map(({ rows }) => rows),
    [[{ answer: true }], [{ answer: false }]],
  )
  t.equal(statements().length, 0)
})

t.test('a value that fails the statement that it shares with others fails alone', async (t) => {
  const { db } = await open(t)
  const quotient = hot((db, value: { by: number }) =>
    db.selectNoFrom((eb) => eb(eb.cast<number>(eb.lit(12), 'bigint'), '/', eb.cast<number>(eb.val(value.by), 'bigint')).as('quotient')),
  )
  const answers = await Promise.allSettled([3, 0, 4].map((by) => quotient(db.read, { by })))
  t.match(answers, [
    { value: { rows: [{ quotient: 4 }] } },
    { reason: new QueryRefused('22012: division by zero') },
    { value: { rows: [{ quotient: 3 }] } },
  ])
})

t.test('a text with a NUL and a number past 64 bits are refused before they reach the server, also beside others', async (t) => {
  const { db } = await open(t)
  await addUsers(db, 'alice')
  const sent = t.capture(Connection.prototype, 'executeQuery', Connection.prototype.executeQuery)
  const answers = await Promise.allSettled(['a\0', 'alice'].map((name) => findUserByName(db.read, name)))
  t.match(answers, [{ reason: new QueryRefused('a text has a NUL character') }, { value: { username: 'alice' } }])
  const numbers = hot((db, value: { id: number }) => db.selectFrom('users').select('id').where('id', '=', value.id))
  for (const id of [Number.NaN, Number.POSITIVE_INFINITY, 2 ** 63, -(2 ** 63)]) {
    await t.rejects(numbers(db.read, { id }), new QueryRefused('a number is out of range'))
  }
  t.equal(sent().length, 1)
})

t.test('a look-up whose connection breaks is asked again', async (t) => {
  const { db, others, onlooker } = await open(t)
  await addUsers(db, 'alice')
  await others.query('begin; lock table users in access exclusive mode')
  const found = findUserByName(db.read, 'alice')
  await onlooker.query('select pg_terminate_backend($1)', [await waitingForLock(onlooker)])
  await others.query('commit')
  t.match(await found, { username: 'alice' })
})

t.test('what others have committed is seen by every look-up that begins afterwards', async (t) => {
  const { db, others } = await open(t)
  await addUsers(db, 'alice')
  for (let round = 0; round < 50; round++) {
    const around = Array.from({ length: 20 }, () => findUserByName(db.read, 'alice'))
    await others.query('update users set password = $1', [`${round}`])
    t.equal((await findUserByName(db.read, 'alice'))?.password, `${round}`)
    await Promise.all(around)
  }
})

t.test('texts are ordered by their bytes and integers have 64 bits, whatever the language of the server', async (t) => {
  const { db } = await open(t)
  const { rows } = await sql<{ column: string }>`select table_name || '.' || column_name as column from information_schema.columns
    where table_schema = 'public' and table_name not like 'kysely%'
      and not (data_type = 'bigint' or (data_type = 'text' and collation_name = 'C'))`.execute(db.read)
  t.same(rows, [])
})
