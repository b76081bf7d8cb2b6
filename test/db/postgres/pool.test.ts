// Only on PostgreSQL: it lends connections to a server.
import t, { type Test } from 'tap'
import { DatabaseUnavailable } from '../../../db/errors.ts'
import type { Connection } from '../../../db/postgres/connection.ts'
import { Pool } from '../../../db/postgres/pool.ts'

/** What a pool sees of a connection. */
class Opened {
  isBroken: boolean
  waitingSince: number | undefined
  isEnded = false
  #onEnd = () => {}

  constructor({ isBroken = false }: { readonly isBroken?: boolean } = {}) {
    this.isBroken = isBroken
  }

  onEnd(listener: () => void): void {
    this.#onEnd = listener
  }

  end(): void {
    this.isEnded = true
  }

  break(): void {
    this.isBroken = true
    this.#onEnd()
  }

  abandon(): void {
    this.break()
  }
}

const refused = new DatabaseUnavailable('53300: sorry, too many clients already')

/** A pool of a server that answers attempts to connect in this order, and refuses all that come afterwards. */
function poolOf(t: Test, size: number, ...answers: (Opened | Error)[]): Pool {
  const pool = new Pool(async () => {
    const answer = answers.shift() ?? refused
    if (answer instanceof Error) throw answer
    return answer as unknown as Connection
  }, size)
  t.teardown(() => pool.close())
  return pool
}

t.test('when no more connections can be opened, those that are open go round', async (t) => {
  const only = new Opened()
  const pool = poolOf(t, 3, only)
  const first = await pool.take()
  const waiting = [pool.take(), pool.take()]
  for (const next of waiting) {
    pool.give(first)
    t.equal(await next, first)
  }
  pool.give(first)
  t.same(pool.stats, { waiting: 0, refused: 0 })
})

t.test('when none is open and none can be opened, all who wait are told at once', async (t) => {
  const pool = poolOf(t, 2)
  const told = await Promise.allSettled([pool.take(), pool.take(), pool.take()])
  t.same(
    told.map((each) => each.status === 'rejected' && each.reason),
    [refused, refused, refused],
  )
})

t.test('a connection that ends, idle, lent or as soon as it is open, leaves its place to another', async (t) => {
  const [stillborn, one, other, last] = [new Opened({ isBroken: true }), new Opened(), new Opened(), new Opened()]
  const pool = poolOf(t, 1, stillborn, one, other, last)
  await t.rejects(pool.take(), new DatabaseUnavailable('the server has closed the connection'))
  t.equal(await pool.take(), one as unknown)
  const waiting = pool.take()
  one.break()
  pool.give(one as unknown as Connection)
  t.equal(await waiting, other as unknown)
  pool.give(other as unknown as Connection)
  other.break()
  t.equal(await pool.take(), last as unknown)
  pool.give(last as unknown as Connection)
})

t.test('a pool is closed when what it has lent is back, and lends nothing from then on', async (t) => {
  const only = new Opened()
  const pool = poolOf(t, 1, only)
  const lent = await pool.take()
  const closed = pool.close()
  await t.rejects(pool.take(), new DatabaseUnavailable('the database is closed'))
  t.equal(only.isEnded, false)
  pool.give(lent)
  await closed
  t.equal(only.isEnded, true)
})
