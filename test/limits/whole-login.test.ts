import t from 'tap'
import { changePassword } from '../../domain/accounts/own.ts'
import { noOrigin } from '../../domain/events/record.ts'
import { build, claimsOf, logIn, PASSWORD, register, type TestApp } from '../helper.ts'
import { setActive } from '../operator.ts'
import { attempt, logsIn, RIGHT, throttled, wrong } from './limits.ts'

/** Lets something happen after a password was found right and before the session starts: while a better hash is made. */
function beforeSession(app: TestApp, happen: () => Promise<unknown>): void {
  const { hashing } = app
  const hash = hashing.hash.bind(hashing)
  hashing.isWeaker = () => true
  hashing.hash = async (...args) => {
    hashing.isWeaker = () => false
    hashing.hash = hash
    await happen()
    return hash(...args)
  }
}

/** Those that a login has made known: the registration came from another. */
const knownAddresses = (app: TestApp) =>
  app.db.read.selectFrom('known_addresses').select('network').where('network', '!=', '127.0.0.1').execute()

t.test('a login whose user is disabled before its session starts counts as failed, and its address is not remembered', async (t) => {
  const app = await build(t, { LOGIN_FAILURES_PER_PAIR: '2', LOGIN_FIRST_DELAY: '60' })
  await register(app)
  t.strictSame(await attempt(app), wrong)
  beforeSession(app, () => setActive(app, 'alice', false))
  t.strictSame(await attempt(app, RIGHT), wrong)
  t.strictSame(await knownAddresses(app), [])
  await setActive(app, 'alice', true)
  t.strictSame(await attempt(app, RIGHT), throttled(60), 'the failure before it is not forgiven')
})

t.test('a login whose session cannot be started is no attempt, and forgives nothing', async (t) => {
  const app = await build(t, { LOGIN_FAILURES_PER_PAIR: '2', LOGIN_FIRST_DELAY: '60' })
  await register(app)
  t.strictSame(await attempt(app), wrong)
  const rename = (from: string, to: string) => app.db.write((handle) => handle.schema.alterTable(from).renameTo(to).execute())
  beforeSession(app, () => rename('sessions', 'elsewhere'))
  t.equal((await attempt(app, RIGHT)).status, 500)
  await rename('elsewhere', 'sessions')
  t.strictSame(await knownAddresses(app), [])
  t.strictSame(await attempt(app), wrong, 'the second failure, not the third')
  t.strictSame(await attempt(app, RIGHT), throttled(60))
})

t.test('a login whose password is changed before its session starts is compared with the new one', async (t) => {
  const app = await build(t, { LOGIN_FAILURES_PER_PAIR: '2', LOGIN_FIRST_DELAY: '60' })
  await register(app)
  const { sid } = claimsOf((await logIn(app)).access)
  const caller = { id: 1, username: 'alice', sessionId: 1, sid: sid as string }
  beforeSession(app, () => changePassword(app, noOrigin, caller, { current: PASSWORD, next: 'another horse battery' }))
  t.strictSame(await attempt(app, RIGHT), wrong)
  t.equal(await logsIn(app, { password: 'another horse battery' }), 200, 'one failure, and not two')
})

t.test('a login forgives the failures before it and remembers its address', async (t) => {
  const app = await build(t, { LOGIN_FAILURES_PER_PAIR: '2', LOGIN_FIRST_DELAY: '60' })
  await register(app)
  for (let i = 0; i < 3; i++) {
    t.strictSame(await attempt(app), wrong)
    t.equal(await logsIn(app), 200)
  }
  t.strictSame(await knownAddresses(app), [{ network: '192.0.2.1' }])
})
