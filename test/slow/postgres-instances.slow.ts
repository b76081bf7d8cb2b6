import t from 'tap'
import { migrations } from '../../db/migrate.ts'
import { listKeys } from '../../domain/keys/commands.ts'
import { logIn, logOut, refresh, register, verify } from '../../harness/requests.ts'
import { PASSWORD } from '../helper.ts'
import { ISSUER, intervals, MAX_AGE_SECONDS, operatorOf, useAll } from './key-rotation.ts'
import { countGuesses, counts, keepThree, NAMES, registerOnce, times } from './postgres/exact.ts'
import { settings, startTogether } from './postgres/instances.ts'
import { AT_ONCE, COMPLAINTS, refreshInRounds, SESSIONS } from './refresh-rounds.ts'
import { isAnswer, whenEnded } from './refusals.ts'
import { type Ask, pairOf } from './two-processes.ts'

const ROUNDS = 1000
const LOGOUTS = 1000
const LOGOUTS_AT_ONCE = 8
const KEYS_MS = 10_000

t.test(
  `${AT_ONCE} refreshes of one token at once, over three instances, get one successor and end no session, ${ROUNDS} times`,
  async (t) => {
    const together = await startTogether(t)
    const began = performance.now()
    await refreshInRounds(t, together, ROUNDS)
    t.comment(`${Math.round((ROUNDS * AT_ONCE) / ((performance.now() - began) / 1000))} refreshes a second`)
    t.same(await together.server.sql(SESSIONS), [{ id: '1', ended_at: null }])
    t.same(await together.server.sql(COMPLAINTS), [])
  },
)

t.test(`what one instance logs out, the others refuse from its answer on, ${LOGOUTS} times`, async (t) => {
  const { any, asks } = await startTogether(t)
  const took: number[] = []
  const round = async (name: string, logsOut: Ask) => {
    const { access, refresh: token } = await pairOf(any(logIn(name, PASSWORD)))
    for (const ask of asks) await ask(verify(access))
    await pairOf(logsOut(logOut(token)))
    const answered = performance.now()
    const checks = asks.flatMap((ask) => [verify(access), verify(token), refresh(token)].map((request) => ask(request)))
    for (const check of checks) void check.then(() => took.push(performance.now() - answered))
    const granted = (await Promise.all(checks)).filter((answer) => !isAnswer(answer, whenEnded.verify))
    t.same(granted, [], 'none is granted') || t.bailout()
  }
  const user = async (name: string) => {
    await any(register(name, PASSWORD))
    for (let done = 0; done < LOGOUTS / LOGOUTS_AT_ONCE; done++) await round(name, asks[done % asks.length] as Ask)
  }
  await Promise.all(times(LOGOUTS_AT_ONCE, (i) => user(`user-${i}`)))
  const sorted = took.toSorted((one, other) => one - other)
  t.comment(`${took.length} checks, p99 ${sorted[Math.floor(sorted.length * 0.99)]?.toFixed(1)} ms after the answer of the logout`)
})

t.test('guesses that are spread over three instances count as if all were made at one', (t) => countGuesses(t, startTogether))

t.test(`of registrations of one name at three instances at once one makes a user, ${NAMES} times`, (t) => registerOnce(t, startTogether))

t.test('of fifty logins of a user at once over three instances three sessions live, where SESSIONS_PER_USER is 3', (t) =>
  keepThree(t, startTogether),
)

t.test('right passwords at three instances at once are no failures', async (t) => {
  const limits = { LIMITS: 'on', LOGIN_FAILURES_PER_PAIR: '3', LOGIN_FAILURES_PER_ACCOUNT: '3' }
  const { asks, any } = await startTogether(t, 3, limits)
  await any(register('alice', PASSWORD))
  const answers = await Promise.all(times(60, (i) => (asks[i % asks.length] as Ask)(logIn('alice', PASSWORD))))
  t.same(counts(answers), { 200: 60 })
})

t.test('ten instances that start at once on an empty database make its tables once, and agree on their keys', async (t) => {
  const { server, services, any, asks } = await startTogether(t, 10)
  const upgrades = services.filter(({ output }) => output().includes('the tables of the database are brought up to date'))
  t.equal(upgrades.length, 1)
  t.same(await server.column('select name from kysely_migration order by name'), Object.keys(migrations))
  const published = await Promise.all(services.map(async ({ url }) => (await fetch(`${url}/.well-known/jwks.json`)).text()))
  t.equal(new Set(published).size, 1)
  await any(register('alice', PASSWORD))
  const { access } = await pairOf(any(logIn('alice', PASSWORD)))
  for (const ask of asks) t.same(await ask(verify(access)), { status: 200, body: {} })
})

t.test('no request fails while three instances rotate keys every second, and they make at most one of each kind an interval', async (t) => {
  const env = { KEY_ROTATION_INTERVAL: '1', REFRESH_TOKEN_TTL: '100', JWKS_MAX_AGE: String(MAX_AGE_SECONDS), PUBLIC_URL: ISSUER }
  const { url, services } = await startTogether(t, 3, env)
  await useAll(t, services, KEYS_MS, async () => {})
  const keys = await listKeys(await operatorOf(t, settings(url, env)))
  for (const use of ['access', 'refresh'] as const) {
    const { count, leastMs } = intervals(keys, use)
    t.ok(count >= 4, `${count} keys of ${use} tokens`)
    t.ok(leastMs >= 1000, `never sooner: ${leastMs} ms`)
  }
})
