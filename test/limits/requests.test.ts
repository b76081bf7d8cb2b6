// Not on PostgreSQL: each process counts these by itself.
import t from 'tap'
import type { TestApp } from '../helper.ts'
import { build } from '../helper.ts'
import { HEADER, OBTAIN, REFRESH, REFRESH_AND_VERIFY, VERIFY } from '../wire/wire.ts'
import { throttled, throttledInMessage, withRetryAfter } from './limits.ts'

const INTROSPECT = '/api/token/introspect/'
const KEYS = '/.well-known/jwks.json'
const LIMITED = [REFRESH, VERIFY, INTROSPECT, REFRESH_AND_VERIFY, HEADER, KEYS]

async function ask(app: TestApp, url: string, from = '192.0.2.1') {
  const method = url === KEYS ? 'GET' : 'POST'
  return withRetryAfter(await app.inject({ method, url, remoteAddress: from, ...(method === 'POST' && { payload: {} }) }))
}

t.test('without REQUESTS_PER_ADDRESS the checks and refreshes of an address are not limited', async (t) => {
  const app = await build(t)
  for (let i = 0; i < 400; i++) if ((await ask(app, LIMITED[i % LIMITED.length] as string)).status === 429) t.fail(`request ${i}`)
})

t.test('REQUESTS_PER_ADDRESS limits checks, refreshes and the key set together, and no other endpoint', async (t) => {
  const app = await build(t, { REQUESTS_PER_ADDRESS: '10' })
  for (let i = 0; i < 10; i++) t.not((await ask(app, LIMITED[i % LIMITED.length] as string)).status, 429, `request ${i + 1}`)
  for (const url of [REFRESH, VERIFY, INTROSPECT, KEYS]) t.strictSame(await ask(app, url), throttled(60), url)
  for (const url of [REFRESH_AND_VERIFY, HEADER]) t.strictSame(await ask(app, url), throttledInMessage(60), url)
  for (const url of ['/health/live', OBTAIN]) t.not((await ask(app, url)).status, 429, url)
  t.not((await ask(app, VERIFY, '192.0.2.2')).status, 429, 'another address has a count of its own')
  app.clock.advance(59.999)
  t.strictSame(await ask(app, VERIFY), throttled(1))
  app.clock.advance(0.001)
  for (let i = 0; i < 10; i++) t.not((await ask(app, VERIFY)).status, 429, `request ${i + 1} of the next minute`)
  t.strictSame(await ask(app, VERIFY), throttled(60))
})

t.test('REQUESTS_PER_ADDRESS counts an IPv6 /64 as one address, and LIMITS=off lifts it', async (t) => {
  const app = await build(t, { REQUESTS_PER_ADDRESS: '1' })
  await ask(app, VERIFY, '2001:db8::1')
  t.strictSame(await ask(app, VERIFY, '2001:db8::2'), throttled(60))
  const lifted = await build(t, { REQUESTS_PER_ADDRESS: '1', LIMITS: 'off' })
  for (let i = 0; i < 5; i++) t.equal((await ask(lifted, VERIFY)).status, 400)
})
