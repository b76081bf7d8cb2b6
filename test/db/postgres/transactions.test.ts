// Only on PostgreSQL: its transactions run side by side, and their statements are sent without waiting.
import { sql } from 'kysely'
import t from 'tap'
import type { Handle } from '../../../db/database.ts'
import { DatabaseUnavailable, QueryRefused } from '../../../db/errors.ts'
import { findSecret, insertSecret } from '../../../db/secrets.ts'
import { saveTally } from '../../../db/tallies.ts'
import { lockUser, takeTurns } from '../../../db/turns.ts'
import { findUserById, insertUser, replacePasswordHash } from '../../../db/users.ts'
import { open, processOf, waitingForLock } from './open.ts'

const alice = { username: 'alice', username_key: 'alice', password: '0', created_at: 1 }
const TALLY = { key: 'k', count: 1, in_flight: 0, in_flight_until: 0, next_at: 0, since: 0, expires_at: 0 }

t.test('a statement that fails while nobody waits for it fails its transaction, which leaves nothing', async (t) => {
  const { db } = await open(t)
  const job = async (handle: Handle) => {
    await insertSecret(handle, 'a', '1')
    // The column is not null.
    await saveTally(handle, { ...TALLY, key: 'none' })
    await sql`alter table tallies add constraint small check (count < 5)`.execute(handle)
    await handle.insertInto('tallies').values(TALLY).execute()
    await saveTally(handle, { ...TALLY, count: 9 })
    return 'done'
  }
  await t.rejects(db.write(job), new QueryRefused('23514: new row for relation "tallies" violates check constraint "small"'))
  t.equal(await findSecret(db.read, 'a'), undefined)
})

t.test('of a job of which one part fails, the other parts leave nothing either', async (t) => {
  const { db } = await open(t)
  for (let round = 0; round < 20; round++) {
    const steps = async (handle: Handle) => {
      for (let step = 0; step < 4; step++) await insertSecret(handle, `${round} ${step}`, '1')
    }
    const failing = async (handle: Handle) => {
      await sql`select 1`.execute(handle)
      throw new Error('no')
    }
    await t.rejects(
      db.write((handle) => Promise.all([steps(handle), failing(handle)])),
      new Error('no'),
    )
  }
  t.same(await db.read.selectFrom('secrets').selectAll().execute(), [])
})

t.test('a job that finds itself in a deadlock runs again', async (t) => {
  const { db } = await open(t)
  await db.write((handle) => insertSecret(handle, 'a', '0'))
  await db.write((handle) => insertSecret(handle, 'b', '0'))
  let runs = 0
  const both = Promise.withResolvers<void>()
  const change = (first: string, second: string) =>
    db.write(async (handle) => {
      const add = (name: string) =>
        handle
          .updateTable('secrets')
          .set((eb) => ({ value: eb('value', '||', '+') }))
          .where('name', '=', name)
          .execute()
      await add(first)
      if (++runs === 2) both.resolve()
      await both.promise
      await add(second)
    })
  await Promise.all([change('a', 'b'), change('b', 'a')])
  t.equal(runs, 3)
  t.same([await findSecret(db.read, 'a'), await findSecret(db.read, 'b')], ['0++', '0++'])
})

t.test('a job whose connection breaks before its commit runs again, and a single statement is not repeated', async (t) => {
  const { db, others, onlooker } = await open(t)
  let runs = 0
  const job = async (handle: Handle) => {
    await insertSecret(handle, 'a', `${++runs}`)
    if (runs === 1) await others.query('select pg_terminate_backend($1)', [await processOf(handle)])
    await findSecret(handle, 'a')
  }
  await db.write(job)
  t.equal(await findSecret(db.read, 'a'), '2')

  await others.query(`begin; update secrets set value = 'theirs'`)
  let singles = 0
  const single = db.write(
    async (handle) => {
      singles++
      await handle.updateTable('secrets').set({ value: 'ours' }).execute()
    },
    { isSingle: true },
  )
  const failed = t.rejects(single, new DatabaseUnavailable('57P01: terminating connection due to administrator command'))
  await onlooker.query('select pg_terminate_backend($1)', [await waitingForLock(onlooker)])
  await failed
  await others.query('commit')
  t.equal(singles, 1)
  t.equal(await findSecret(db.read, 'a'), 'theirs')
})

t.test('a job that has locked a user, or taken its turn, reads what those before it have committed', async (t) => {
  const { db } = await open(t)
  const id = await db.write((handle) => insertUser(handle, alice))
  const increment = (lock: (handle: Handle) => Promise<void>) =>
    db.write(async (handle) => {
      await lock(handle)
      const password = (await findUserById(handle, id))?.password as string
      await replacePasswordHash(handle, id, password, `${Number(password) + 1}`)
    })
  await Promise.all(Array.from({ length: 30 }, () => increment((handle) => lockUser(handle, id))))
  t.equal((await findUserById(db.read, id))?.password, '30')
  await Promise.all(Array.from({ length: 30 }, () => increment((handle) => takeTurns(handle, 'refusals'))))
  t.equal((await findUserById(db.read, id))?.password, '60')
})

t.test('a user that is locked can be referred to, and a turn at one thing is none at another', async (t) => {
  const { db } = await open(t)
  const id = await db.write((handle) => insertUser(handle, alice))
  await db.write(async (handle) => {
    await lockUser(handle, id)
    await takeTurns(handle, 'refusals')
    await db.write(async (other) => {
      await takeTurns(other, 'signing keys')
      await other.insertInto('known_addresses').values({ user_id: id, network: 'n', last_at: 1 }).execute()
    })
  })
  t.same(await db.read.selectFrom('known_addresses').select('network').execute(), [{ network: 'n' }])
})

t.test('what need not outlive a crash does not wait for the disk, and what follows on the same connection does again', async (t) => {
  const { db } = await open(t)
  const setting = async (handle: Handle) =>
    (await sql<{ is: string }>`select current_setting('synchronous_commit') as is`.execute(handle)).rows
  t.same(await db.write(setting, { isDurable: false }), [{ is: 'off' }])
  t.same(await db.write(setting), [{ is: 'on' }])
})
