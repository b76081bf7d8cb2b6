import { setTimeout as sleep } from 'node:timers/promises'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import t, { type Test } from 'tap'
import { loadConfig } from '../../config.ts'
import { openDatabase } from '../../db/open.ts'
import { systemClock } from '../../domain/clock.ts'
import { listKeys, retireKey, rotateKeys } from '../../domain/keys/commands.ts'
import type { KeyInfo } from '../../domain/keys/describe.ts'
import { Secrets } from '../../domain/keys/secrets.ts'
import { headerOf, PASSWORD } from '../helper.ts'
import { folder, postTo, type Service, start } from '../server/process.ts'

const RUN_MS = 30_000
const ROTATE_EVERY_MS = 1000
const MAX_AGE_SECONDS = 2
const CLIENTS = 4
const ISSUER = 'http://localhost:3000'
const PAUSE_MS = 20

interface Pair {
  readonly access: string
  readonly refresh: string
}

/** The number of checks, their failures, and the keys that signed. */
interface Log {
  readonly failures: string[]
  readonly kids: Set<string>
  checks: number
}

/**
 * Checks tokens with the published keys alone. It keeps them for their whole cache time, and does not ask again for a key
 * that it misses: its cooldown is as long.
 */
function offline({ url }: Service) {
  const cache = { cacheMaxAge: MAX_AGE_SECONDS * 1000, cooldownDuration: MAX_AGE_SECONDS * 1000 }
  const keys = createRemoteJWKSet(new URL(`${url}/.well-known/jwks.json`), cache)
  return (token: string) => jwtVerify(token, keys, { issuer: ISSUER, algorithms: ['ES256'] })
}

async function check(log: Log, what: string, work: () => Promise<unknown>): Promise<void> {
  log.checks++
  try {
    await work()
  } catch (error) {
    log.failures.push(`${what}: ${(error as Error).message}`)
  }
}

async function expect200(answer: Promise<{ status: number; body: unknown }>): Promise<unknown> {
  const { status, body } = await answer
  if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`)
  return body
}

/** A user who refreshes at the processes in turn, while each process and each offline verifier checks every token. */
async function use(services: readonly Service[], name: string, isOver: () => boolean, log: Log): Promise<void> {
  const verifiers = services.map((service) => ({ service, verify: offline(service) }))
  await postTo(`${services[0]?.url}/api/users/`, { username: name, password: PASSWORD })
  let pair = (await expect200(postTo(`${services[0]?.url}/api/token/`, { username: name, password: PASSWORD }))) as Pair
  const kept: string[] = [pair.access]
  for (let turn = 0; !isOver(); turn++) {
    const { url } = services[turn % services.length] as Service
    await check(log, 'refresh', async () => {
      pair = (await expect200(postTo(`${url}/api/token/refresh/`, { refresh: pair.refresh }))) as Pair
    })
    log.kids.add(headerOf(pair.access).kid as string)
    kept.push(pair.access)
    const old = kept[Math.floor(Math.random() * kept.length)] as string
    for (const token of [pair.access, pair.refresh, old]) {
      for (const { service, verify } of verifiers) {
        if (token !== pair.refresh) await check(log, 'offline', () => verify(token))
        if (token !== old || turn % 4 === 0)
          await check(log, 'verify', () => expect200(postTo(`${service.url}/api/token/verify/`, { token })))
      }
    }
    await sleep(PAUSE_MS)
  }
}

async function twoServices(t: Test, env: Record<string, string>) {
  const all = { DATABASE_URL: `file:${folder(t)}/latchkey.db`, PUBLIC_URL: ISSUER, ...env }
  const services = [await start(t, all), await start(t, all)] as const
  const config = loadConfig(all)
  const context = { db: await openDatabase(config.databaseUrl), config, ...systemClock(), secrets: new Secrets(config) }
  t.teardown(() => context.db.close())
  return { services, context }
}

/** Runs users for half a minute, and other work beside them. */
async function run(
  t: Test,
  env: Record<string, string>,
  beside: (context: Parameters<typeof rotateKeys>[0], isOver: () => boolean) => Promise<void>,
) {
  const { services, context } = await twoServices(t, { JWKS_MAX_AGE: String(MAX_AGE_SECONDS), ...env })
  const log: Log = { failures: [], kids: new Set(), checks: 0 }
  const end = performance.now() + RUN_MS
  const isOver = () => performance.now() > end
  const users = Array.from({ length: CLIENTS }, (_, index) => use(services, `user-${index}`, isOver, log))
  await Promise.all([...users, beside(context, isOver)])
  t.same(log.failures.slice(0, 10), [])
  t.equal(log.failures.length, 0)
  t.comment(`${log.checks} checks, ${log.kids.size} keys signed`)
  return { log, keys: await listKeys(context) }
}

const of = (keys: readonly KeyInfo[], use: KeyInfo['use']) => keys.filter((key) => key.use === use)

t.test('no request fails while the operator rotates both kinds of key every second for half a minute', async (t) => {
  const { log, keys } = await run(t, {}, async (context, isOver) => {
    while (!isOver()) {
      await rotateKeys(context)
      await rotateKeys(context, 'refresh')
      await sleep(ROTATE_EVERY_MS)
    }
  })
  for (const use of ['access', 'refresh'] as const) t.ok(of(keys, use).length >= 25, `${of(keys, use).length} of ${use} tokens`)
  t.ok(log.kids.size >= 20, `${log.kids.size} of them signed`)
})

t.test(
  'no request fails while two processes rotate every second for half a minute, and they make at most one key of each kind an interval',
  async (t) => {
    // Keys of refresh tokens are made at most a hundred times in the life of one.
    const { log, keys } = await run(t, { KEY_ROTATION_INTERVAL: '1', REFRESH_TOKEN_TTL: '100' }, async () => {})
    // A next key of access tokens signs once it has been published for as long as verifiers may cache, and two seconds more.
    const least = { access: Math.floor(RUN_MS / ((MAX_AGE_SECONDS + 3) * 1000)), refresh: 15 }
    t.ok(log.kids.size >= least.access, `${log.kids.size} of access tokens signed`)
    for (const use of ['access', 'refresh'] as const) {
      // The first two of access tokens are made together: one signs, the other waits.
      const made = of(keys, use).map(({ createdAt }) => createdAt)
      const after = made.sort((a, b) => a - b).slice(use === 'access' ? 1 : 0)
      const gaps = after.slice(1).map((at, index) => at - (after[index] as number))
      t.ok(made.length >= least[use], `${made.length} keys of ${use} tokens`)
      t.ok(Math.min(...gaps) >= 1000, `never sooner: ${Math.min(...gaps)} ms`)
    }
  },
)

t.test('a rotated or retired key takes effect in every process within a second', async (t) => {
  const { services, context } = await twoServices(t, {})
  await postTo(`${services[0].url}/api/users/`, { username: 'alice', password: PASSWORD })
  const until = async (isSo: (service: Service) => Promise<boolean>) => {
    const began = performance.now()
    await Promise.all(
      services.map(async (service) => {
        while (!(await isSo(service))) await sleep(5)
      }),
    )
    return Math.round(performance.now() - began)
  }
  const took: { rotate: number[]; retire: number[] } = { rotate: [], retire: [] }
  for (let round = 0; round < 10; round++) {
    const { kid } = await rotateKeys(context)
    took.rotate.push(await until(async ({ url }) => (await (await fetch(`${url}/.well-known/jwks.json`)).text()).includes(kid)))
    const { access } = (await expect200(postTo(`${services[0].url}/api/token/`, { username: 'alice', password: PASSWORD }))) as Pair
    await retireKey(context, headerOf(access).kid as string)
    took.retire.push(await until(async ({ url }) => (await postTo(`${url}/api/token/verify/`, { token: access })).status === 401))
  }
  t.comment(took)
  t.ok(Math.max(...took.rotate, ...took.retire) < 1000)
})
