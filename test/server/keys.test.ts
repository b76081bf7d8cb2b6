import t, { type Test } from 'tap'
import { loadConfig } from '../../config.ts'
import { openDatabase } from '../../db/open.ts'
import { systemClock } from '../../domain/clock.ts'
import { listKeys, retireKey, rotateKeys } from '../../domain/keys/commands.ts'
import { Secrets } from '../../domain/keys/secrets.ts'
import { databaseUrl } from '../databases.ts'
import { headerOf, PASSWORD } from '../helper.ts'
import { type Served, serve } from './in-process.ts'
import { postTo } from './process.ts'
import { runShared } from './shared-process.ts'
import { until } from './sockets.ts'

const OLD = Buffer.alloc(32, 'hunter2').toString('base64')
const NEW = Buffer.alloc(32, 'hunter3').toString('base64')
const credentials = { username: 'alice', password: PASSWORD }

const logIn = async ({ url }: Served) => (await postTo(`${url}/api/token/`, credentials)).body as { access: string; refresh: string }
const verify = ({ url }: Served, token: string) => postTo(`${url}/api/token/verify/`, { token })
const good = { status: 200, body: {} }

/** What the commands of an operator work with, beside running services. */
async function operator(t: Test, env: Record<string, string>) {
  const config = loadConfig(env)
  const db = await openDatabase(config.databaseUrl)
  t.teardown(() => db.close())
  return { db, config, ...systemClock(), secrets: new Secrets(config) }
}

async function publishedBy({ url }: Served): Promise<string[]> {
  const { keys } = (await (await fetch(`${url}/.well-known/jwks.json`)).json()) as { keys: { kid: string }[] }
  return keys.map(({ kid }) => kid)
}

t.test('running services load the keys that the operator makes, and refuse those that the operator retires', async (t) => {
  const env = { DATABASE_URL: await databaseUrl(t) }
  const services = [await serve(t, env), await serve(t, env)] as const
  const context = await operator(t, env)
  await postTo(`${services[0].url}/api/users/`, credentials)
  const { access } = await logIn(services[0])
  const { kid } = await rotateKeys(context)
  for (const service of services) await until(async () => (await publishedBy(service)).includes(kid))
  for (const service of services) t.same(await verify(service, access), good)
  await retireKey(context, headerOf(access).kid as string)
  for (const service of services) await until(async () => (await verify(service, access)).status === 401)
  for (const service of services) {
    const published = await publishedBy(service)
    t.ok(published.includes(kid))
    t.notOk(published.includes(headerOf(access).kid as string))
  }
  const next = await logIn(services[1])
  t.equal(headerOf(next.access).kid, kid)
  t.same(await verify(services[0], next.access), good)
})

t.test('SECRETS_KEY can be changed without a pause: services with the old and the new settings start and work together', async (t) => {
  const DATABASE_URL = await databaseUrl(t)
  const old = { DATABASE_URL, SECRETS_KEY: OLD }
  const both = { DATABASE_URL, SECRETS_KEY: NEW, SECRETS_KEY_PREVIOUS: OLD }
  const first = await serve(t, old)
  await postTo(`${first.url}/api/users/`, credentials)
  const before = await logIn(first)
  const services = [first, ...(await Promise.all([serve(t, both), serve(t, old), serve(t, both)]))]
  for (const service of services) {
    t.same(await verify(service, before.access), good)
    const { access } = await logIn(service)
    for (const other of services) t.same(await verify(other, access), good)
  }
  for (const service of services) await service.close()
  const after = await serve(t, { DATABASE_URL, SECRETS_KEY: NEW })
  t.same(await verify(after, before.access), good)
  await after.close()

  const end = await runShared(old, 'server.ts')
  t.same([end.code, end.stdout], [1, ''])
  t.equal(
    end.stderr,
    'latchkey cannot start: SECRETS_KEY is not the key that the secrets of the database are encrypted with; ' +
      'the old one can be given as SECRETS_KEY_PREVIOUS\n',
  )
  const missing = await runShared({ DATABASE_URL }, 'server.ts')
  t.same([missing.code, missing.stdout], [1, ''])
  t.equal(missing.stderr, 'latchkey cannot start: SECRETS_KEY is not set, and the secrets of the database are encrypted\n')
  t.equal((await listKeys(await operator(t, { DATABASE_URL }))).length, 3)
})
