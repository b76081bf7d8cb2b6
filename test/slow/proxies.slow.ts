import { execFileSync } from 'node:child_process'
import t, { type Test } from 'tap'
import { ask, BOTH, CLIENT, CREDENTIALS, INNER, OUTER, proxied, seen, type Way } from './proxies.ts'

/** What a client could write into the header to appear under another address. */
const FORGERIES: readonly (string | string[])[] = [
  '203.0.113.7',
  `203.0.113.7, ${INNER}`,
  `${INNER}, ${OUTER}`,
  ['203.0.113.7', '203.0.113.8'],
  '2001:db8::7',
  '127.0.0.1',
  'unknown',
  '203.0.113.7:51234',
  ', ,',
  `${'203.0.113.7,'.repeat(200)}203.0.113.8`,
]

/** The way, the trusted proxies, and the address that is then seen with every header of FORGERIES. */
const WAYS: readonly [way: 'direct' | 'one' | 'two' | 'ported' | 'dual', trusted: string, address: string][] = [
  ['direct', '', CLIENT],
  ['direct', BOTH, CLIENT],
  ['one', '', INNER],
  ['one', INNER, CLIENT],
  ['one', BOTH, CLIENT],
  ['one', '127.0.0.0/27', CLIENT],
  ['one', OUTER, INNER],
  ['two', '', INNER],
  ['two', INNER, OUTER],
  ['two', BOTH, CLIENT],
  ['two', '127.0.0.0/27', CLIENT],
  ['ported', INNER, OUTER],
  ['ported', BOTH, CLIENT],
  ['ported', '127.0.0.0/27', CLIENT],
  ['dual', INNER, CLIENT],
]

for (const trusted of [...new Set(WAYS.map(([, trusted]) => trusted))]) {
  t.test(`with TRUST_PROXY=${trusted}, a client is seen under its address, with every forged header`, async (t) => {
    const all = await proxied(t, { TRUST_PROXY: trusted })
    for (const [way, , address] of WAYS.filter((row) => row[1] === trusted)) {
      const to = { host: '127.0.0.1', port: all.ports[way], from: CLIENT }
      t.same(await seen(all, to), [address, address], `${way}, no header`)
      for (const forwarded of FORGERIES) {
        t.same(await seen(all, { ...to, forwarded }), [address, address], `${way}, ${String(forwarded).slice(0, 60)}`)
      }
    }
  })
}

/** Unique local addresses of two networks (RFC 4193), added for as long as the test runs. */
const ULAS = ['fd1a:7c4e:e000:1::1', 'fd1a:7c4e:e000:1::2', 'fd1a:7c4e:e000:2::1']

function takeAddresses(t: Test): boolean {
  try {
    for (const address of ULAS) {
      execFileSync('ip', ['-6', 'addr', 'add', `${address}/128`, 'dev', 'lo'], { stdio: 'ignore' })
      t.teardown(() => execFileSync('ip', ['-6', 'addr', 'del', `${address}/128`, 'dev', 'lo'], { stdio: 'ignore' }))
    }
    return true
  } catch {
    return false
  }
}

t.test('over IPv6 a client is seen under its address, directly and through proxies of both families', async (t) => {
  const own = takeAddresses(t) ? ULAS : []
  if (own.length === 0) t.comment('this machine gives no addresses: only ::1 is tried')
  // On ::1 the proxy and the client cannot be distinguished: only a client with an address of its own is behind it.
  const all = await proxied(t, { TRUST_PROXY: `${BOTH},::1` })
  const { direct, one, two, six } = all.ports
  for (const address of own) {
    for (const port of [direct, one, two, six]) {
      for (const forwarded of [undefined, '203.0.113.7', '2001:db8::7', `2001:db8::7, ::1, ${INNER}`]) {
        const way = { host: address, port: port, from: address, ...(forwarded && { forwarded }) }
        const reached = port === direct || port === six ? way : { ...way, host: '::1' }
        t.same(await seen(all, reached), [address, address], `${address} at ${reached.host}, ${forwarded}`)
      }
    }
  }
  const mapped = { host: '127.0.0.1', port: direct, from: CLIENT }
  t.same(await seen(all, mapped), [CLIENT, CLIENT], 'IPv4 on a socket for both')
  const untrusting = await proxied(t, { TRUST_PROXY: BOTH })
  for (const port of [untrusting.ports.direct, untrusting.ports.one, untrusting.ports.two, untrusting.ports.six]) {
    for (const forwarded of [undefined, '203.0.113.7']) {
      t.same(await seen(untrusting, { host: '::1', port, ...(forwarded && { forwarded }) }), ['::1', '::1'], `::1, ${forwarded}`)
    }
  }
})

t.test('a client that forges another address with each guess is limited, and other clients are not', async (t) => {
  const all = await proxied(t, { TRUST_PROXY: BOTH, LOGIN_FAILURES_PER_PAIR: '5' })
  const guess = (way: Way) => ask(way, '/api/token/', { ...CREDENTIALS, password: 'wrong' })
  const attacker = (i: number) => ({
    host: '127.0.0.1',
    port: i % 2 ? all.ports.two : all.ports.one,
    from: CLIENT,
    forwarded: `203.0.113.${i}`,
  })
  for (let i = 0; i < 5; i++) t.equal((await guess(attacker(i))).status, 401)
  t.equal((await guess(attacker(6))).status, 429)
  t.equal((await guess({ ...attacker(7), from: '127.0.0.102' })).status, 401)
})
