import t from 'tap'
import { networkOf, normalAddress, sharesOf, wideNetworkOf } from '../../domain/address.ts'

const FORMS: readonly [text: string | undefined, normal: string | undefined][] = [
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:c000:201', '192.0.2.1'],
  ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
  ['192.0.2.1:51000', '192.0.2.1'],
  ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
  ['2001:db8::1', '2001:db8::1'],
  ['[2001:db8::1]', '2001:db8::1'],
  ['[2001:db8::1]:443', '2001:db8::1'],
  ['[::ffff:192.0.2.1]:443', '192.0.2.1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['[fe80::1%25eth0]:80', 'fe80::1'],
  ['::1', '::1'],
  ['2001:db8:1:0:0:1:0:0', '2001:db8:1::1:0:0'],
]

const NO_ADDRESSES = [
  undefined,
  '',
  'unknown',
  '_hidden',
  'localhost',
  '192.0.2',
  '192.0.2.256',
  '0300.0.2.1',
  '0x7f.1',
  '3221225985',
  '192.0.2.1:',
  '192.0.2.1, 192.0.2.2',
  ' 192.0.2.1',
  '2001:db8::1::2',
  '[192.0.2.1',
  '12345::',
  "192.0.2.1'--",
]

t.test('an address has one normal form, however it is written', async (t) => {
  for (const [text, normal] of FORMS) t.equal(normalAddress(text), normal, String(text))
})

t.test('a text that is no address is refused', async (t) => {
  for (const text of NO_ADDRESSES) t.equal(normalAddress(text), undefined, String(text))
})

t.test('an IPv4 address is a network by itself, and an IPv6 address belongs to its /64', async (t) => {
  t.equal(networkOf('192.0.2.1'), '192.0.2.1')
  t.equal(networkOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64')
  t.equal(networkOf('2001:db8:1:2:ffff:ffff:ffff:ffff'), '2001:db8:1:2::/64')
  t.equal(networkOf('2001:db8:1:3::1'), '2001:db8:1:3::/64')
  t.equal(networkOf('::1'), '::/64')
})

t.test('an IPv4 address is a wide network by itself, and an IPv6 address belongs to its /48', async (t) => {
  t.equal(wideNetworkOf('192.0.2.1'), '192.0.2.1')
  t.equal(wideNetworkOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1::/48')
  t.equal(wideNetworkOf('2001:db8:1:ffff:ffff:ffff:ffff:ffff'), '2001:db8:1::/48')
})

t.test('an address shares with its wide and its narrow network, and those without one share with each other', async (t) => {
  t.strictSame(sharesOf('192.0.2.1'), ['192.0.2.1', '192.0.2.1'])
  t.strictSame(sharesOf('2001:db8:1:2:3:4:5:6'), ['2001:db8:1::/48', '2001:db8:1:2::/64'])
  t.strictSame(sharesOf(networkOf('2001:db8:1:2:3:4:5:6')), ['2001:db8:1::/48', '2001:db8:1:2::/64'], 'its /64 does as well')
  t.strictSame(sharesOf(null), ['', ''])
})
