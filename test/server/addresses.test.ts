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
]

for (const [trusted, from, forwarded, address] of MATRIX) {
  t.test(`trusting ${trusted || 'nobody'}, ${from}${forwarded === undefined ? '' : ` for ${forwarded}`} is ${address}`, async (t) => {
    t.same(await seenAddresses(t, { TRUST_PROXY: trusted }, from, forwarded), [address, address])
  })
}

t.test('an X-Forwarded-For of a trusted proxy that is no address is recorded as unknown', async (t) => {
  for (const text of ['unknown', '<script>', '300.1.1.1', '0x7f.1']) {
    t.same(await seenAddresses(t, { TRUST_PROXY: '10.0.0.0/8' }, '10.0.0.1', text), [null, ''], text)
  }
})
