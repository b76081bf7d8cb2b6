import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { headerOf, PASSWORD } from '../helper.ts'
import { serve } from '../server/in-process.ts'
import { postTo } from '../server/process.ts'
import { asJson, databaseFile, latchkey } from './latchkey.ts'

const credentials = { username: 'alice', password: PASSWORD }

interface Key {
  readonly kid: string
  readonly state: string
}

async function logIn({ url }: { url: string }): Promise<string> {
  return ((await postTo(`${url}/api/token/`, credentials)).body as { access: string }).access
}

async function publishedBy({ url }: { url: string }): Promise<string[]> {
  const { keys } = (await (await fetch(`${url}/.well-known/jwks.json`)).json()) as { keys: Key[] }
  return keys.map(({ kid }) => kid)
}

const verify = async ({ url }: { url: string }, token: string) => (await postTo(`${url}/api/token/verify/`, { token })).status

/** Whether something becomes true within two seconds: a running service loads changed keys within one. */
async function eventually(isSo: () => Promise<boolean>): Promise<boolean> {
  const deadline = performance.now() + 2000
  while (!(await isSo())) {
    if (performance.now() > deadline) return false
    await sleep(20)
  }
  return true
}

t.test('a running server publishes a new key, and refuses a retired one and its tokens', async (t) => {
  const file = await databaseFile(t)
  const service = await serve(t, { DATABASE_URL: `file:${file}` })
  await postTo(`${service.url}/api/users/`, credentials)
  const access = await logIn(service)
  const first = headerOf(access).kid as string

  const next = (await asJson(t, latchkey(file, 'keys', 'rotate', '--json'))) as Key
  t.equal(next.state, 'pending')
  const listed = (await asJson(t, latchkey(file, 'keys', 'list', '--json'))) as Key[]
  t.same(
    listed.map(({ kid, state }) => [kid, state]),
    [
      [next.kid, 'pending'],
      [first, 'signing'],
    ],
  )
  t.ok(await eventually(async () => (await publishedBy(service)).includes(next.kid)))
  t.equal(headerOf(await logIn(service)).kid, first, 'it does not sign yet')

  const { retired, signing } = (await asJson(t, latchkey(file, 'keys', 'retire', first, '--json'))) as Record<string, Key>
  t.match(retired, { kid: first, state: 'retired' })
  t.match(signing, { kid: next.kid, state: 'signing' })
  t.ok(await eventually(async () => (await verify(service, access)) === 401))
  t.same(await publishedBy(service), [next.kid])
  t.equal(await verify(service, await logIn(service)), 200)
})

t.test('without --json the output is a table, and a failure is one line on standard error', async (t) => {
  const file = await databaseFile(t)
  await (await serve(t, { DATABASE_URL: `file:${file}` })).close()
  t.match(await latchkey(file, 'keys', 'list'), {
    code: 0,
    stdout: /^kid +algorithm +state .*\n\S{43} +ES256 +signing .*\n$/,
    stderr: '',
  })
  t.match(await latchkey(file, 'keys', 'retire', 'x'), { code: 1, stdout: '', stderr: /^latchkey: there is no key x\n$/ })
})
