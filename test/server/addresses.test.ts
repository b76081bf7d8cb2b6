// Not on PostgreSQL: it is about HTTP alone.
import t, { type Test } from 'tap'
import { listEvents } from '../../db/auth-events.ts'
import { build, PASSWORD, register } from '../helper.ts'

/** The addresses that a login is recorded with: that of its event and that of its session. */
async function seenAddresses(t: Test, env: Record<string, string>, from: string, forwarded?: string): Promise<unknown[]> {
  const app = await build(t, env)
  await register(app)
  await app.inject({
    method: 'POST',
    url: '/api/token/',
    remoteAddress: from,
    headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
    payload: { username: 'alice', password: PASSWORD },
  })
  const events = await listEvents(app.db.read, { username: 'alice', limit: 1 })
  const sessions = await app.db.read.selectFrom('sessions').select('address').execute()
  return [...events, ...sessions].map(({ address }) => address)
}

/** TRUST_PROXY, the address that connects, its X-Forwarded-For, and the address that is recorded. */
const MATRIX: readonly [trusted: string, from: string, forwarded: string | undefined, address: string][] = [
  ['', '192.0.2.1', undefined, '192.0.2.1'],
  ['', '::ffff:192.0.2.1', undefined, '192.0.2.1'],
  ['', 'fe80::1%eth0', undefined, 'fe80::1'],
  ['', '192.0.2.1', '198.51.100.1', '192.0.2.1'],
  ['', '127.0.0.1', '198.51.100.1', '127.0.0.1'],
  ['10.0.0.0/8', '192.0.2.1', '198.51.100.1', '192.0.2.1'],
  ['10.0.0.0/8', '10.0.0.1', undefined, '10.0.0.1'],
  ['10.0.0.0/8', '10.0.0.1', '198.51.100.1', '198.51.100.1'],
  ['10.0.0.0/8', '::ffff:10.0.0.1', '198.51.100.1', '198.51.100.1'],
  ['10.0.0.0/8', '10.0.0.1', '203.0.113.9, 198.51.100.1', '198.51.100.1'],
  ['10.0.0.0/8', '10.0.0.1', '203.0.113.9, 198.51.100.1, 10.0.0.2', '198.51.100.1'],
  ['10.0.0.0/8', '10.0.0.1', '10.0.0.9, 198.51.100.1', '198.51.100.1'],
  ['10.0.0.0/8', '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
  ['10.0.0.1', '10.0.0.1', '203.0.113.9, 10.0.0.2', '10.0.0.2'],
  ['10.0.0.1,10.0.0.2', '10.0.0.1', '203.0.113.9, 10.0.0.2', '203.0.113.9'],
  ['10.0.0.0/8', '10.0.0.1', '::ffff:198.51.100.1', '198.51.100.1'],
  ['10.0.0.0/8', '10.0.0.1', '198.51.100.1:51000', '198.51.100.1'],
  ['10.0.0.0/8', '10.0.0.1', '2001:DB8::0:1', '2001:db8::1'],
  ['10.0.0.0/8', '10.0.0.1', '[2001:db8::1]:443', '2001:db8::1'],
  ['2001:db8:ffff::/48', '2001:db8:ffff::1', '2001:db8::1', '2001:db8::1'],
  ['2001:db8:ffff::/48', '2001:db8:fffe::1', '2001:db8::1', '2001:db8:fffe::1'],
  ['2001:db8:ffff::/48', '10.0.0.1', '2001:db8::1', '10.0.0.1'],
  // Each item is brought into normal form before it is compared.
  ['10.0.0.0/8', '10.0.0.1', '203.0.113.7:51234, 10.0.0.5:8443', '203.0.113.7'],
  ['127.0.0.0/8', '127.0.0.1', '1.2.3.4, 127.0.0.1:9999', '1.2.3.4'],
  ['10.0.0.0/8', '10.0.0.1', '203.0.113.7, ::ffff:10.0.0.5', '203.0.113.7'],
  ['10.0.0.0/8', '10.0.0.1', '203.0.113.7, [::ffff:10.0.0.5]:8443', '203.0.113.7'],
  ['10.0.0.0/8', '10.0.0.1', '203.0.113.7, , 10.0.0.5,', '203.0.113.7'],
  ['10.0.0.0/8', '10.0.0.1', ',', '10.0.0.1'],
  ['10.0.0.0/8', '10.0.0.1', '203.0.113.7, 192.0.2.1:80, 10.0.0.5:8443', '192.0.2.1'],
  ['::ffff:10.0.0.0/104', '::ffff:10.0.0.1', '203.0.113.7, 10.0.0.5', '203.0.113.7'],
  ['::ffff:10.0.0.1', '10.0.0.1', '203.0.113.7', '203.0.113.7'],
  ['fd00::/8', 'fd00::1', '2001:db8::7, [fd00::2]:443, [FD00::3], fd00:0::4', '2001:db8::7'],
  ['fe80::1', 'fe80::1%eth0', '203.0.113.7, [fe80::1%25eth1]:80', '203.0.113.7'],
  // Not IPv4, which a mapped range of IPv6 would have.
  ['::/8', '10.0.0.1', '203.0.113.7', '10.0.0.1'],
  ['::/8', '::1', '203.0.113.7, 10.0.0.1', '10.0.0.1'],
]

for (const [trusted, from, forwarded, address] of MATRIX) {
  t.test(`trusting ${trusted || 'nobody'}, ${from}${forwarded === undefined ? '' : ` for ${forwarded}`} is ${address}`, async (t) => {
    t.same(await seenAddresses(t, { TRUST_PROXY: trusted }, from, forwarded), [address, address])
  })
}

t.test('an X-Forwarded-For of a trusted proxy that is no address is recorded as unknown', async (t) => {
  for (const text of [
    'unknown',
    '_hidden',
    '<script>',
    '300.1.1.1',
    '0x7f.1',
    '203.0.113.7, unknown',
    '203.0.113.7, unknown, 10.0.0.2:80',
  ]) {
    t.same(await seenAddresses(t, { TRUST_PROXY: '10.0.0.0/8' }, '10.0.0.1', text), [null, ''], text)
  }
})

t.test('a proxy without TRUST_PROXY is warned of again every ten minutes, with how many requests came through one', async (t) => {
  const app = await build(t)
  const warnings: unknown[] = []
  app.log.warn = ((...parts: unknown[]) => void warnings.push(parts)) as never
  const ask = (headers: Record<string, string>) => app.inject({ url: '/health/live', headers })
  const text = 'X-Forwarded-For, Forwarded and X-Real-IP are ignored, for TRUST_PROXY is not set: all clients of a proxy count as one'
  await ask({})
  for (let i = 0; i < 3; i++) await ask({ 'x-forwarded-for': '192.0.2.1' })
  t.same(warnings, [[{ requests: 1 }, text]])
  app.clock.advance(599)
  await ask({ forwarded: 'for=192.0.2.1' })
  t.equal(warnings.length, 1)
  app.clock.advance(1)
  await ask({ forwarded: 'for=192.0.2.1' })
  t.same(warnings.slice(1), [[{ requests: 4 }, text]])
})
