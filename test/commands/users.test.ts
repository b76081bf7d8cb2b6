import t from 'tap'
import { databaseUrl } from '../databases.ts'
import { PASSWORD } from '../helper.ts'
import { serve } from '../server/in-process.ts'
import { postTo } from '../server/process.ts'
import { asJson, latchkey } from './latchkey.ts'

const credentials = { username: 'alice', password: PASSWORD }
const TIME = /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ$/
const alice = { id: Number, username: 'alice', last_login: TIME, is_superuser: false, is_active: true, is_staff: false, date_joined: TIME }

async function logIn({ url }: { url: string }): Promise<{ status: number; access: string }> {
  const { status, body } = await postTo(`${url}/api/token/`, credentials)
  return { status, access: (body as { access: string }).access }
}

async function verify({ url }: { url: string }, token: string): Promise<number> {
  return (await postTo(`${url}/api/token/verify/`, { token })).status
}

t.test('a running server applies it at once that a user is disabled, enabled or logged out', async (t) => {
  const database = await databaseUrl(t)
  const service = await serve(t, { DATABASE_URL: database })
  await postTo(`${service.url}/api/users/`, credentials)
  const { access } = await logIn(service)

  const disabled = await asJson(t, latchkey(database, 'users', 'disable', 'alice', '--json'))
  t.match(disabled, { ...alice, is_active: false })
  t.strictSame(Object.keys(disabled as object), Object.keys(alice))
  t.equal(await verify(service, access), 401)
  t.equal((await logIn(service)).status, 401)

  t.match(await asJson(t, latchkey(database, 'users', 'enable', 'alice', '--json')), alice)
  t.equal(await verify(service, access), 401, 'an ended session stays ended')
  const again = await logIn(service)
  t.equal(await verify(service, again.access), 200)

  t.strictSame(await asJson(t, latchkey(database, 'users', 'logout', 'alice', '--json')), { username: 'alice', ended_sessions: 1 })
  t.equal(await verify(service, again.access), 401)
  t.equal((await logIn(service)).status, 200)
})

t.test('without --json the output is a table, and an unknown name is one line on standard error', async (t) => {
  const database = await databaseUrl(t)
  const service = await serve(t, { DATABASE_URL: database })
  await postTo(`${service.url}/api/users/`, credentials)
  const rowsOf = (isActive: string) =>
    new RegExp(
      `^id +username +last_login +is_superuser +is_active +is_staff +date_joined\\n\\d+ +alice +- +no +${isActive} +no +20\\S+Z\\n$`,
    )
  t.match(await latchkey(database, 'users', 'disable', 'alice'), { code: 0, stdout: rowsOf('no'), stderr: '' })
  t.match(await latchkey(database, 'users', 'enable', 'alice'), { code: 0, stdout: rowsOf('yes'), stderr: '' })
  t.match(await latchkey(database, 'users', 'logout', 'alice'), { code: 0, stdout: 'username  ended_sessions\nalice     0\n', stderr: '' })
  for (const command of ['disable', 'enable', 'logout', 'show', 'delete', 'set-password']) {
    const { code, stdout, stderr } = await latchkey(database, 'users', command, 'Alice')
    t.strictSame({ code, stdout, stderr }, { code: 1, stdout: '', stderr: 'latchkey: there is no user "Alice"\n' })
  }
})

t.test('a user who is disabled or enabled twice is so with one event, and the second command says that nothing has changed', async (t) => {
  const database = await databaseUrl(t)
  const service = await serve(t, { DATABASE_URL: database })
  await postTo(`${service.url}/api/users/`, credentials)
  await logIn(service)
  const say = async (command: string) => (await latchkey(database, 'users', command, 'alice')).stderr
  t.equal(await say('enable'), 'latchkey: "alice" was enabled already; nothing has changed\n')
  t.equal(await say('disable'), '')
  t.match(await latchkey(database, 'users', 'disable', 'alice', '--json'), {
    code: 0,
    stdout: /^{"id":\d+,"username":"alice",.*"is_active":false,.*}\n$/,
    stderr: 'latchkey: "alice" was disabled already; nothing has changed\n',
  })
  t.equal(await say('logout'), '')
  t.equal(await say('enable'), '')
  t.equal(await say('enable'), 'latchkey: "alice" was enabled already; nothing has changed\n')
  const events = (await asJson(t, latchkey(database, 'events', '--user', 'alice', '--json'))) as { kind: string }[]
  t.strictSame(events.map(({ kind }) => kind).toReversed(), ['user_registered', 'login', 'session_ended', 'user_disabled', 'user_enabled'])
})
