import t, { type Test } from 'tap'
import { DatabaseOverloaded } from '../../db/errors.ts'
import { findUserByName } from '../../db/users.ts'
import { deleteAccount } from '../../domain/accounts/own.ts'
import { unavailable } from '../../domain/errors.ts'
import { noOrigin } from '../../domain/events/record.ts'
import { sweep } from '../../domain/sweeping.ts'
import { databaseUrl } from '../databases.ts'
import { build, PASSWORD, register, type TestApp } from '../helper.ts'
import { setActive } from '../operator.ts'
import { attempt, RIGHT, throttled, wrong } from './limits.ts'

const COUNTED = { count: 1, in_flight: 0 }
/** The limits that count a failure at an address that is not known: of the pair, the address and the account. */
const failure = [COUNTED, COUNTED, COUNTED]

/** An app with one user, and with nothing left of the registration. */
async function withUser(t: Test): Promise<TestApp> {
  const app = await build(t)
  await register(app)
  await app.db.write(async (handle) => {
    await handle.deleteFrom('tallies').execute()
    await handle.deleteFrom('known_addresses').execute()
  })
  return app
}

/** What is counted, once nothing is under way: on PostgreSQL a job of the service may end after one that began later. */
async function settled(db: TestApp['db']) {
  for (;;) {
    await db.write(async () => {})
    const counts = await counted(db)
    if (counts.every(({ in_flight }) => in_flight === 0)) return counts
  }
}

const counted = ({ read }: TestApp['db']) => read.selectFrom('tallies').select(['count', 'in_flight']).execute()

/** What is counted, which addresses are known and how many sessions there are, once all writes are done. */
async function state({ db }: TestApp) {
  const counts = await settled(db)
  const known = await db.read.selectFrom('known_addresses').select('network').execute()
  const sessions = await db.read.selectFrom('sessions').select('id').execute()
  return { counts, known: known.map(({ network }) => network), sessions: sessions.length }
}

/** Does something between the comparison of a login and what follows. */
function afterComparison(app: TestApp, work: () => Promise<unknown>): void {
  const matches = app.hashing.matches.bind(app.hashing)
  app.hashing.matches = async (...args) => {
    const isRight = await matches(...args)
    app.hashing.matches = matches
    await work()
    return isRight
  }
}

async function replacePassword(app: TestApp, password: string): Promise<void> {
  const hash = await app.hashing.hash(noOrigin, password)
  await app.db.write((handle) => handle.updateTable('users').set({ password: hash }).execute())
}

t.test('a login whose session cannot be started was no attempt, and makes no address known', async (t) => {
  const app = await withUser(t)
  const { write } = app.db
  app.db.write = async (job, options) => {
    if (options?.isDurable !== false) throw new DatabaseOverloaded('too many writes are waiting')
    return write(job, options)
  }
  t.equal((await attempt(app, RIGHT)).status, 503)
  app.db.write = write
  t.strictSame(await state(app), { counts: [], known: [], sessions: 0 })
})

t.test('a login that shares its transaction with a job that throws is done once, and gives back its own attempt only', async (t) => {
  const app = await withUser(t)
  await attempt(app, { from: '192.0.2.2' })
  const { write } = app.db
  app.db.write = (job, options) => {
    const result = write(job, options)
    write(() => Promise.reject(new Error('no'))).catch(() => {})
    return result
  }
  t.equal((await attempt(app, RIGHT)).status, 200)
  app.db.write = write
  t.strictSame(await state(app), { counts: failure, known: ['192.0.2.1'], sessions: 1 })
})

t.test('when the password is replaced while it is compared, the new one decides, and one attempt counts', async (t) => {
  const app = await withUser(t)
  afterComparison(app, () => replacePassword(app, 'another horse battery'))
  t.strictSame(await attempt(app, RIGHT), wrong)
  t.strictSame(await state(app), { counts: failure, known: [], sessions: 0 })
  await replacePassword(app, PASSWORD)
  afterComparison(app, () => replacePassword(app, PASSWORD))
  t.equal((await attempt(app, RIGHT)).status, 200)
  const { known, sessions } = await state(app)
  t.strictSame({ known, sessions }, { known: ['192.0.2.1'], sessions: 1 })
})

t.test('a login of a user who is disabled or deleted meanwhile counts as failed', async (t) => {
  const changes = [
    (app: TestApp) => setActive(app, 'alice', false),
    async (app: TestApp) => {
      const id = (await findUserByName(app.db.read, 'alice'))?.id as number
      await deleteAccount(app, noOrigin, { id, username: 'alice', sessionId: 0, sid: '0' }, { password: PASSWORD })
      await app.db.write((handle) => handle.deleteFrom('tallies').where('in_flight', '=', 0).execute())
    },
  ]
  for (const change of changes) {
    const app = await withUser(t)
    afterComparison(app, () => change(app))
    t.strictSame(await attempt(app, RIGHT), wrong)
    t.strictSame(await state(app), { counts: failure, known: [], sessions: 0 })
  }
})

t.test('an outcome that could not be written, because too many writes wait, is written later', async (t) => {
  const app = await withUser(t)
  const { write } = app.db
  app.hashing.matches = async () => {
    app.db.write = async () => Promise.reject(new DatabaseOverloaded('too many writes are waiting'))
    throw new Error('no hash')
  }
  t.equal((await attempt(app, RIGHT)).status, 500)
  await app.limits.flush()
  app.db.write = write
  t.strictSame(await counted(app.db), [
    { count: 1, in_flight: 1 },
    { count: 1, in_flight: 1 },
    { count: 1, in_flight: 1 },
  ])
  await app.limits.flush()
  t.strictSame((await state(app)).counts, [])
})

t.test('an outcome that waits to be written again is written before the service ends', async (t) => {
  const env = { DATABASE_URL: await databaseUrl(t) }
  const app = await build(t, env)
  await register(app)
  const { write } = app.db
  app.hashing.matches = async () => {
    app.db.write = async () => Promise.reject(new DatabaseOverloaded('too many writes are waiting'))
    throw new Error('no hash')
  }
  t.equal((await attempt(app, { username: 'bob' })).status, 500)
  await app.limits.flush()
  app.db.write = write
  await app.close()
  const next = await build(t, env)
  t.strictSame((await state(next)).counts, [COUNTED], 'of the registration alone')
})

t.test('a turn of the slow lane that came to nothing, for the service was overloaded, is given back', async (t) => {
  const app = await build(t, { LOGIN_FAILURES_PER_ACCOUNT: '1' })
  await register(app)
  await attempt(app, { from: '192.0.2.2' })
  t.strictSame(await attempt(app, RIGHT), throttled(30))
  t.strictSame(await attempt(app, { from: '192.0.2.3' }), throttled(60))
  app.clock.advance(30)
  const { matches } = app.hashing
  app.hashing.matches = async () => {
    app.clock.advance(5)
    await sweep(app)
    throw unavailable('overloaded', 'Too many passwords are being checked. Try again later.')
  }
  t.equal((await attempt(app, RIGHT)).status, 503)
  app.hashing.matches = matches
  t.strictSame(await attempt(app, { from: '192.0.2.4' }), throttled(55))
  t.equal((await attempt(app, RIGHT)).status, 200)
})
