import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { PASSWORD } from '../helper.ts'
import { folder, postTo, type Service, start } from '../server/process.ts'

const LOGINS = 200
/** The default costs. */
const FULL_COST = { ARGON2_MEMORY_KIB: '19456', ARGON2_ITERATIONS: '2' }

const credentials = { username: 'alice', password: PASSWORD }
/** A user who does not log in during the storm, so that no login ends this session. */
const bystander = { username: 'bob', password: PASSWORD }

async function serve(t: Test, env: Record<string, string> = {}): Promise<Service> {
  const service = await start(t, { DATABASE_URL: `file:${folder(t)}/latchkey.db`, ...FULL_COST, LIMITS: 'off', ...env })
  for (const user of [credentials, bystander]) await postTo(`${service.url}/api/users/`, user)
  return service
}

/** The times of verifies, one after the other until `over` settles: in milliseconds, ascending. */
async function verifyTimes(t: Test, { url }: Service, token: string, over: Promise<unknown>): Promise<number[]> {
  const times: number[] = []
  let isOver = false
  void over.finally(() => {
    isOver = true
  })
  while (!isOver) {
    const began = performance.now()
    const { status } = await postTo(`${url}/api/token/verify/`, { token })
    if (status !== 200) t.fail('verify is refused', { status })
    times.push(performance.now() - began)
    await sleep(2)
  }
  return times.sort((a, b) => a - b)
}

const at = (times: number[], part: number) => times[Math.floor(times.length * part)] as number

t.test(`${LOGINS} logins at once are all answered, and verify goes on meanwhile`, async (t) => {
  const service = await serve(t)
  const { access } = (await postTo(`${service.url}/api/token/`, bystander)).body as { access: string }
  const logins = Promise.all(
    Array.from({ length: LOGINS }, (_, i) =>
      postTo(`${service.url}/api/token/`, i % 4 ? credentials : { username: `nobody-${i}`, password: PASSWORD }),
    ),
  )
  const times = await verifyTimes(t, service, access, logins)
  const statuses = (await logins).map(({ status }) => status)
  t.equal(statuses.filter((status) => status === 200).length, (LOGINS * 3) / 4)
  t.equal(statuses.filter((status) => status === 401).length, LOGINS / 4)
  t.ok(times.length > 50, `${times.length} verifies meanwhile`)
  t.ok(at(times, 0.5) < 50, `half of them within ${at(times, 0.5)} ms`)
  t.ok(at(times, 0.99) < 500, `nearly all of them within ${at(times, 0.99)} ms`)
  t.match(await service.stop(), { code: 0, signal: null })
})

t.test('logins beyond the queue are 503 at once with Retry-After, and all others are served', async (t) => {
  const service = await serve(t)
  const began = performance.now()
  const ask = async () => {
    const answer = await fetch(`${service.url}/api/token/`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(credentials),
    })
    const body = await answer.json()
    return { status: answer.status, body, retryAfter: Number(answer.headers.get('retry-after')), ms: performance.now() - began }
  }
  const answers = await Promise.all(Array.from({ length: 1300 }, ask))
  const served = answers.filter(({ status }) => status === 200)
  const refused = answers.filter(({ status }) => status === 503)
  t.equal(served.length + refused.length, answers.length)
  t.ok(served.length >= LOGINS, `${served.length} are served`)
  t.ok(refused.length > answers.length / 2, `${refused.length} are refused`)
  for (const { body } of refused) {
    if ((body as { code: string }).code !== 'overloaded') t.fail('another refusal', { body })
  }
  t.same(refused[0]?.body, {
    title: 'Service Unavailable',
    status: 503,
    detail: 'Too many passwords are being checked. Try again later.',
    code: 'overloaded',
  })
  const last = (some: typeof answers) => Math.max(...some.map(({ ms }) => ms))
  t.ok(last(refused) < last(served), 'before those that wait are served')
  const longest = Math.max(...refused.map(({ retryAfter }) => retryAfter))
  // How long the queue takes depends on the machine; the service never asks anybody to wait for more than a minute.
  t.ok(longest >= 1 && longest <= 60, `Retry-After is ${longest} s`)
  t.equal((await postTo(`${service.url}/api/token/`, credentials)).status, 200)
})

t.test('a stop during many logins ends within ten seconds with code 0', async (t) => {
  const service = await serve(t)
  const logins = Array.from({ length: 1000 }, () => postTo(`${service.url}/api/token/`, credentials).catch(() => ({ status: 0 })))
  await sleep(300)
  const end = await service.stop()
  t.match(end, { code: 0, signal: null })
  t.ok(end.ms < 10_000, `${end.ms} ms`)
  for (const { status } of await Promise.all(logins)) if (![0, 200, 503].includes(status)) t.fail('neither', { status })
})
