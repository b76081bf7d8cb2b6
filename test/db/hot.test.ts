import t, { type Test } from 'tap'
import type { Database } from '../../db/database.ts'
import { hot } from '../../db/hot.ts'
import { openDatabase } from '../../db/open.ts'
import { insertUser } from '../../db/users.ts'
import { databaseUrl } from '../databases.ts'

async function openWithUsers(t: Test, ...names: string[]): Promise<Database> {
  const db = await openDatabase(await databaseUrl(t))
  t.teardown(() => db.close())
  await db.write(async (handle) => {
    for (const name of names) await insertUser(handle, { username: name, username_key: name, password: `hash of ${name}`, created_at: 1 })
  })
  return db
}

let builds = 0
const passwordOf = hot((db, value: { name: string; since: number }) => {
  builds++
  return db.selectFrom('users').select('password').where('username', '=', value.name).where('created_at', '>=', value.since)
})
const idsOfAll = hot((db) => db.selectFrom('users').select('id').orderBy('id'))

t.test('a query is built once, and runs with the values of each call', async (t) => {
  const db = await openWithUsers(t, 'alice', 'bob')
  // A dialect may build it once for reading and once for writing.
  await passwordOf(db.read, { name: 'bob', since: 0 })
  await db.write((handle) => passwordOf(handle, { name: 'bob', since: 0 }))
  builds = 0
  t.same((await passwordOf(db.read, { name: 'bob', since: 0 })).rows, [{ password: 'hash of bob' }])
  t.same((await passwordOf(db.read, { since: 1, name: 'alice' })).rows, [{ password: 'hash of alice' }])
  t.same((await db.write((handle) => passwordOf(handle, { name: 'alice', since: 2 }))).rows, [])
  t.equal(builds, 0)
  t.same((await idsOfAll(db.read, {})).rows, [{ id: 1 }, { id: 2 }])
})

t.test('each database has a query of its own, in the SQL of its dialect', async (t) => {
  const [one, other] = [await openWithUsers(t, 'alice'), await openWithUsers(t)]
  builds = 0
  t.equal((await passwordOf(one.read, { name: 'alice', since: 0 })).rows.length, 1)
  t.equal((await passwordOf(other.read, { name: 'alice', since: 0 })).rows.length, 0)
  t.equal(builds, 2)
})

t.test('a placeholder for a value cannot be computed with while the query is built', async (t) => {
  const db = await openWithUsers(t)
  const older = hot((handle, value: { now: number }) =>
    handle
      .selectFrom('users')
      .select('id')
      .where('created_at', '<', value.now - 1000),
  )
  await t.rejects(older(db.read, { now: 5000 }), { message: /"now"/ })
})

t.test('the compiler refuses values that a query does not name, or not of this type, and a run without them', async (t) => {
  const db = await openWithUsers(t, 'alice')
  const alice = { name: 'alice', since: 0 }
  const surplus = { ...alice, id: 1 }
  // Type-checked and never run: `tsc` fails when one of these lines is no type error.
  const refused = () => [
    // @ts-expect-error a misspelt name
    passwordOf(db.read, { nmae: 'alice', since: 0 }),
    // @ts-expect-error a missing value
    passwordOf(db.read, { name: 'alice' }),
    // @ts-expect-error a value of the wrong type
    passwordOf(db.read, { name: 1, since: 0 }),
    // @ts-expect-error null where the column has none
    passwordOf(db.read, { name: null, since: 0 }),
    // @ts-expect-error undefined, which would be NULL
    passwordOf(db.read, { name: undefined, since: 0 }),
    // @ts-expect-error one more than the query names
    passwordOf(db.read, { ...alice, id: 1 }),
    // @ts-expect-error one more, in a variable
    passwordOf(db.read, surplus),
    // @ts-expect-error a value for a query that takes none
    idsOfAll(db.read, { id: 1 }),
    // @ts-expect-error a name that is not in the type of the values
    hot((handle, value: { id: number }) => handle.selectFrom('users').select('id').where('id', '=', value.userId)),
    // @ts-expect-error a value whose type does not fit its column
    hot((handle, value: { id: string }) => handle.selectFrom('users').select('id').where('id', '=', value.id)),
    // @ts-expect-error a type of values that no database takes
    hot((handle, value: { at: Date }) => handle.selectFrom('users').select('id').where('created_at', '=', Number(value.at))),
  ]
  t.type(refused, 'function')
  t.same((await passwordOf(db.read, alice)).rows, [{ password: 'hash of alice' }])
})
