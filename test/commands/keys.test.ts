import t from 'tap'
import { databaseUrl } from '../databases.ts'
import { headerOf, PASSWORD } from '../helper.ts'
import { serve } from '../server/in-process.ts'
import { postTo } from '../server/process.ts'
import { until } from '../server/sockets.ts'
import { asJson, latchkey } from './latchkey.ts'

const credentials = { username: 'alice', password: PASSWORD }

interface Key {
  readonly kid: string
  readonly use: string
  readonly state: string
}

async function logIn({ url }: { url: string }): Promise<{ access: string; refresh: string }> {
  return (await postTo(`${url}/api/token/`, credentials)).body as { access: string; refresh: string }
}

async function publishedBy({ url }: { url: string }): Promise<string[]> {
  const { keys } = (await (await fetch(`${url}/.well-known/jwks.json`)).json()) as { keys: Key[] }
  return keys.map(({ kid }) => kid)
}

const verify = async ({ url }: { url: string }, token: string) => (await postTo(`${url}/api/token/verify/`, { token })).status

t.test('a running server publishes a new key, and refuses a retired one and its tokens', async (t) => {
  const database = await databaseUrl(t)
  const service = await serve(t, { DATABASE_URL: database })
  await postTo(`${service.url}/api/users/`, credentials)
  const { access, refresh } = await logIn(service)
  const [first, ofRefresh] = [headerOf(access).kid as string, headerOf(refresh).kid as string]

  const next = (await asJson(t, latchkey(database, 'keys', 'rotate', '--json'))) as Key
  t.equal(next.state, 'pending')
  const listed = (await asJson(t, latchkey(database, 'keys', 'list', '--json'))) as Key[]
  t.same(
    new Set(listed.map(({ kid, use, state }) => `${kid} ${use} ${state}`)),
    new Set([`${next.kid} access pending`, `${first} access signing`, `${ofRefresh} refresh signing`]),
  )
  await until(async () => (await publishedBy(service)).includes(next.kid))
  t.equal(headerOf((await logIn(service)).access).kid, first, 'it does not sign yet')

  const { retired, signing } = (await asJson(t, latchkey(database, 'keys', 'retire', first, '--json'))) as Record<string, Key>
  t.match(retired, { kid: first, state: 'retired' })
  t.match(signing, { kid: next.kid, state: 'signing' })
  await until(async () => (await verify(service, access)) === 401)
  const published = await publishedBy(service)
  t.ok(published.includes(next.kid))
  t.notOk(published.includes(first))
  t.equal(await verify(service, (await logIn(service)).access), 200)
})

t.test('without --json the output is a table, and a failure is one line on standard error', async (t) => {
  const database = await databaseUrl(t)
  await (await serve(t, { DATABASE_URL: database })).close()
  t.match(await latchkey(database, 'keys', 'list'), {
    code: 0,
    stdout: /^kid +use +algorithm +state .*\n(\S{43} +(access +ES256 +(signing|pending)|refresh +HS256 +signing) .*\n){3}$/,
    stderr: '',
  })
  t.match(await latchkey(database, 'keys', 'retire', 'x'), { code: 1, stdout: '', stderr: /^latchkey: there is no key x\n$/ })
})

t.test('rotate --use refresh lets a new key of refresh tokens take over, and leaves those of access tokens alone', async (t) => {
  const database = await databaseUrl(t)
  await (await serve(t, { DATABASE_URL: database })).close()
  const list = async () => (await asJson(t, latchkey(database, 'keys', 'list', '--json'))) as Key[]
  const before = await list()
  const made = (await asJson(t, latchkey(database, 'keys', 'rotate', '--use', 'refresh', '--json'))) as Key
  t.match(made, { use: 'refresh', state: 'pending' })
  const after = await list()
  t.same(
    after.filter(({ kid }) => kid !== made.kid).map(({ kid }) => kid),
    before.map(({ kid }) => kid),
  )
})

t.test('retire --all withdraws all keys, and prints them and those that sign in their place', async (t) => {
  const database = await databaseUrl(t)
  const service = await serve(t, { DATABASE_URL: database })
  await postTo(`${service.url}/api/users/`, credentials)
  const before = await logIn(service)
  const { retired, signing } = (await asJson(t, latchkey(database, 'keys', 'retire', '--all', '--json'))) as Record<string, Key[]>
  t.match(retired, [{ state: 'retired' }, { state: 'retired' }, { state: 'retired' }])
  t.same(new Set(signing?.map(({ use, state }) => `${use} ${state}`)), new Set(['access signing', 'refresh signing']))
  for (const token of Object.values(before)) await until(async () => (await verify(service, token)) === 401)
  for (const token of Object.values(await logIn(service))) t.equal(await verify(service, token), 200)
})
