import t from 'tap'
import { secretKid } from '../../../domain/keys/generate.ts'
import { isKeyDue, isUsable, keyRules, lastExpiry, maySign, signingKey, signsFrom } from '../../../domain/keys/schedule.ts'
import { START } from '../../helper.ts'
import { DAY, dueAt, key, LEASE, rules, SECRET, settings } from './rows.ts'

t.test('a new key signs once it has been published for JWKS_MAX_AGE, and two seconds more for the processes to load it', async (t) => {
  t.equal(signsFrom([key('a')], rules, START), START + 302_000)
  t.equal(signsFrom([key('a')], keyRules({ ...settings, jwksMaxAgeSeconds: 2 }), START), START + 4000)
  t.equal(signsFrom([key('a', { signs_from: START + DAY })], rules, START), START + 302_000)
})

t.test('a new key signs at once when no other key may sign', async (t) => {
  const others = [
    key('retired', { retired_at: START }),
    key('ended', { private_key: null }),
    key('of another algorithm', { algorithm: 'EdDSA' }),
    key(secretKid(SECRET), { algorithm: 'HS256', private_key: null, public_key: null }),
  ]
  t.equal(signsFrom([], rules, START), START)
  t.equal(signsFrom(others, rules, START), START)
})

t.test('the newest key signs from its signs_from on, and the one before it until then', async (t) => {
  const rows = [key('b', { created_at: START + 1, signs_from: START + 302_001 }), key('a')]
  t.equal(signingKey(rows, START + 302_000)?.kid, 'a')
  t.equal(signingKey(rows, START + 302_001)?.kid, 'b')
  t.equal(signingKey(rows.toReversed(), START + 302_000)?.kid, 'a')
  t.equal(signingKey(rows.toReversed(), START + 302_001)?.kid, 'b')
})

t.test('keys that are made faster than caches of verifiers expire sign in turn, each after its own time of publication', async (t) => {
  const rows = [0, 1, 2, 3].map((second) =>
    key(`k${second}`, { created_at: START + second * 1000, signs_from: START + 4000 + second * 1000 }),
  )
  const inTurn = [4, 5, 6, 7, 8].map((second) => signingKey(rows, START + second * 1000)?.kid)
  t.same(inTurn, ['k0', 'k1', 'k2', 'k3', 'k3'])
})

t.test('when no key has been published long enough, the one published longest signs', async (t) => {
  const rows = [key('c', { signs_from: START + 2000 }), key('b', { signs_from: START + 1000 })]
  t.equal(signingKey(rows, START)?.kid, 'b')
  t.equal(signingKey([], START), undefined)
})

t.test('retired keys, keys without their private part and keys of another algorithm sign nothing', async (t) => {
  t.ok(maySign(key('a'), rules))
  t.notOk(maySign(key('a', { retired_at: START }), rules))
  t.notOk(maySign(key('a', { private_key: null }), rules))
  t.notOk(maySign(key('a', { algorithm: 'EdDSA' }), rules))
})

t.test('a key of another algorithm verifies; a retired key, one without its private part and one of another secret do not', async (t) => {
  const withSecret = keyRules({ ...settings, jwtSecret: SECRET })
  const hs256 = (secret: string) => key(secretKid(secret), { algorithm: 'HS256', private_key: null, public_key: null })
  t.ok(isUsable(key('a', { algorithm: 'EdDSA' }), rules))
  t.ok(isUsable(hs256(SECRET), withSecret))
  t.notOk(isUsable(hs256('another secret of at least 32 bytes'), withSecret))
  t.notOk(isUsable(hs256(SECRET), rules))
  t.notOk(isUsable({ ...hs256(SECRET), retired_at: START }, withSecret))
  t.notOk(isUsable(key('a', { algorithm: 'EdDSA', retired_at: START }), rules))
  t.notOk(isUsable(key('a', { algorithm: 'EdDSA', private_key: null }), rules))
})

t.test('a new key is due when the newest one is as old as KEY_ROTATION_INTERVAL', async (t) => {
  const rows = [key('b', { signs_from: START + 302_000 }), key('a', { created_at: START - 100 * DAY })]
  t.notOk(isKeyDue(rows, rules, START + 30 * DAY - 1))
  t.ok(isKeyDue(rows, rules, START + 30 * DAY))
})

t.test('a new key is due when no key may sign', async (t) => {
  t.ok(isKeyDue([], rules, START))
  t.ok(isKeyDue([key('a', { retired_at: START }), key('b', { algorithm: 'RS256' })], rules, START))
})

t.test('JWT_SECRET is entered once, is never rotated, and is not entered again after it was retired', async (t) => {
  const hs256 = keyRules({ ...settings, jwtAlgorithm: 'HS256', jwtSecret: SECRET })
  const row = key(secretKid(SECRET), { algorithm: 'HS256', private_key: null, public_key: null })
  t.ok(isKeyDue([], hs256, START))
  t.notOk(isKeyDue([row], hs256, START + 1000 * DAY))
  t.notOk(isKeyDue([{ ...row, retired_at: START }], hs256, START))
})

t.test('the signing key renews its used_at before the time that used_at covers runs out', async (t) => {
  const rows = [key('a')]
  t.same(dueAt(rows, START, 'a'), [])
  t.same(dueAt(rows, START + LEASE / 2 - 1, 'a'), [])
  t.same(dueAt(rows, START + LEASE / 2, 'a'), [{ kid: 'a', change: { used_at: START + LEASE / 2, signs_from: START } }])
})

t.test('with short token lifetimes used_at is renewed more often, but not more often than every five seconds', async (t) => {
  t.equal(lastExpiry(key('a', { token_ttl: 1000 }), [key('a', { token_ttl: 1000 })]), START + 100_000 + 1_000_000)
  t.equal(lastExpiry(key('a', { token_ttl: 4 }), [key('a', { token_ttl: 4 })]), START + 5000 + 4000)
})

t.test('a key that signs before its signs_from, because no other may, gets the present time as its signs_from', async (t) => {
  const rows = [key('a', { signs_from: START + 1000, used_at: START + 1000 })]
  t.same(dueAt(rows, START, 'a'), [{ kid: 'a', change: { used_at: START, signs_from: START } }])
})
