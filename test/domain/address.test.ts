// Not on PostgreSQL: it uses no database.
import t from 'tap'
import { inRanges, networkOf, normalAddress, rangeOf, sharesOf, wideNetworkOf } from '../../domain/address.ts'

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

t.test('a range is in CIDR notation or one address, and of mapped addresses it is that of IPv4', async (t) => {
  t.same(rangeOf('10.0.0.0/8'), { address: '10.0.0.0', family: 'ipv4', bits: 8 })
  t.same(rangeOf('10.0.0.1'), { address: '10.0.0.1', family: 'ipv4', bits: 32 })
  t.same(rangeOf('2001:DB8::/32'), { address: '2001:db8::', family: 'ipv6', bits: 32 })
  t.same(rangeOf('2001:db8::1'), { address: '2001:db8::1', family: 'ipv6', bits: 128 })
  t.same(rangeOf('::ffff:10.0.0.0/104'), { address: '10.0.0.0', family: 'ipv4', bits: 8 })
  t.same(rangeOf('0.0.0.0/0'), { address: '0.0.0.0', family: 'ipv4', bits: 0 })
  t.same(rangeOf('::ffff:0:0/96'), { address: '0.0.0.0', family: 'ipv4', bits: 0 })
  t.same(rangeOf('::/0'), { address: '::', family: 'ipv6', bits: 0 })
  t.same(rangeOf('::ffff:10.0.0.1'), { address: '10.0.0.1', family: 'ipv4', bits: 32 })
})

t.test('a text that is no range is refused', async (t) => {
  const texts = ['', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/8/8', '10.0.0.0/08', '10.0.0.0/-1', '10.0.0.0/8 ', '10.0/8', 'loopback']
  for (const text of [...texts, '::/129', '::/00', '::ffff:0:0/90', 'fe80::1%eth0', '[::1]', '10.0.0.1:80']) {
    t.equal(rangeOf(text), undefined, text)
  }
})

t.test('an address is in a range however it is written, and only in one of its family', async (t) => {
  const isTrusted = inRanges(['10.0.0.0/8', '192.0.2.7', '2001:db8::/33', 'fe80::1'])
  const inside = ['10.255.255.255', '10.0.0.1:80', '::ffff:10.0.0.1', '[::ffff:a00:1]:443', '192.0.2.7', '2001:DB8:7fff::', 'fe80::1%eth0']
  const outside = ['9.255.255.255', '11.0.0.0', '192.0.2.8', '2001:db8:8000::', 'fe80::2', '64:ff9b::10.0.0.1', '::1']
  for (const address of inside) t.equal(isTrusted(address), true, address)
  for (const address of [...outside, ...NO_ADDRESSES]) t.equal(isTrusted(address), false, String(address))
  t.equal(inRanges(['::/8', '::/1', '::/0'])('10.0.0.1'), false)
  t.same(['10.0.0.1', '::1', ''].map(inRanges(['0.0.0.0/0'])), [true, false, false])
  t.same(['10.0.0.1', '::1', ''].map(inRanges(['::/0'])), [false, true, false])
  t.equal(inRanges([])('10.0.0.1'), false)
})
