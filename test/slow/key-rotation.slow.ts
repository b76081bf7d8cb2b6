import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { listKeys, retireKey, rotateKeys } from '../../domain/keys/commands.ts'
import { headerOf, PASSWORD } from '../helper.ts'
import { folder, postTo, type Service, start } from '../server/process.ts'
import { expect200, ISSUER, intervals, MAX_AGE_SECONDS, operatorOf, type Pair, useAll } from './key-rotation.ts'

const RUN_MS = 30_000
const ROTATE_EVERY_MS = 1000

async function twoServices(t: Test, env: Record<string, string>) {
  const all = { DATABASE_URL: `file:${folder(t)}/latchkey.db`, PUBLIC_URL: ISSUER, JWKS_MAX_AGE: String(MAX_AGE_SECONDS), ...env }
  const services = [await start(t, all), await start(t, all)] as const
  return { services, operator: await operatorOf(t, all) }
}

t.test('no request fails while the operator rotates both kinds of key every second for half a minute', async (t) => {
  const { services, operator } = await twoServices(t, {})
  const kids = await useAll(t, services, RUN_MS, async (isOver) => {
    while (!isOver()) {
      await rotateKeys(operator)
      await rotateKeys(operator, 'refresh')
      await sleep(ROTATE_EVERY_MS)
    }
  })
  const keys = await listKeys(operator)
  for (const use of ['access', 'refresh'] as const) {
    const { count } = intervals(keys, use)
    t.ok(count >= 25, `${count} of ${use} tokens`)
  }
  t.ok(kids.size >= 20, `${kids.size} of them signed`)
})

t.test(
  'no request fails while two processes rotate every second for half a minute, and they make at most one key of each kind an interval',
  async (t) => {
    // Keys of refresh tokens are made at most a hundred times in the life of one.
    const { services, operator } = await twoServices(t, { KEY_ROTATION_INTERVAL: '1', REFRESH_TOKEN_TTL: '100' })
    const kids = await useAll(t, services, RUN_MS, async () => {})
    // A next key of access tokens signs once it has been published for as long as verifiers may cache, and two seconds more.
    const least = { access: Math.floor(RUN_MS / ((MAX_AGE_SECONDS + 3) * 1000)), refresh: 15 }
    t.ok(kids.size >= least.access, `${kids.size} of access tokens signed`)
    const keys = await listKeys(operator)
    for (const use of ['access', 'refresh'] as const) {
      const { count, leastMs } = intervals(keys, use)
      t.ok(count >= least[use], `${count} keys of ${use} tokens`)
      t.ok(leastMs >= 1000, `never sooner: ${leastMs} ms`)
    }
  },
)

t.test('a rotated or retired key takes effect in every process within a second', async (t) => {
  const { services, operator } = await twoServices(t, { JWKS_MAX_AGE: '300' })
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
    const { kid } = await rotateKeys(operator)
    took.rotate.push(await until(async ({ url }) => (await (await fetch(`${url}/.well-known/jwks.json`)).text()).includes(kid)))
    const { access } = (await expect200(postTo(`${services[0].url}/api/token/`, { username: 'alice', password: PASSWORD }))) as Pair
    await retireKey(operator, headerOf(access).kid as string)
    took.retire.push(await until(async ({ url }) => (await postTo(`${url}/api/token/verify/`, { token: access })).status === 401))
  }
  t.comment(took)
  t.ok(Math.max(...took.rotate, ...took.retire) < 1000)
})
