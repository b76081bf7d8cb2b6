// Not on PostgreSQL: it uses no database.
import t from 'tap'
import type { SigningKeyRow } from '../../../db/schema.ts'
import { dueKeys } from '../../../domain/keys/due.ts'
import { secretKid } from '../../../domain/keys/generate.ts'
import {
  isOfTheFuture,
  isUsable,
  type KeyRules,
  keyRules,
  lastExpiry,
  maySign,
  NOT_YET,
  readyAt,
  signingKey,
  waitingKey,
} from '../../../domain/keys/schedule.ts'
import { START } from '../../helper.ts'
import { DAY, dueAt, key, LEASE, rules, SECRET, settings } from './rows.ts'

t.test(
  'the next key may sign once it has been published for JWKS_MAX_AGE, and two seconds more for the processes to load it',
  async (t) => {
    t.equal(readyAt(key('a'), rules), START + 302_000)
    t.equal(readyAt(key('a'), keyRules({ ...settings, jwksMaxAgeSeconds: 2 })), START + 4000)
    t.equal(readyAt(key('a'), keyRules({ ...settings, jwksMaxAgeSeconds: 0 })), START + 2000)
  },
)

const secretRow = (secret: string) => key(secretKid(secret), { algorithm: 'HS256', private_key: null, public_key: null })
const refreshRow = (kid: string, row: Partial<SigningKeyRow> = {}) => key(kid, { use: 'refresh', algorithm: 'HS256', ...row })
const due = (rows: SigningKeyRow[], now: number, by: KeyRules = rules, isSteady = true) => dueKeys(rows, by, now, isSteady)
const next = { use: 'access', signsFrom: NOT_YET }

t.test('where none may sign, a key that signs at once and the next are due, and a key of refresh tokens', async (t) => {
  const others = [
    key('retired', { retired_at: START }),
    key('ended', { private_key: null }),
    key('of another algorithm', { algorithm: 'EdDSA' }),
    secretRow(SECRET),
    refreshRow('retired, too', { retired_at: START, private_key: null }),
  ]
  const all = [{ use: 'access', signsFrom: START }, next, { use: 'refresh', signsFrom: START }]
  t.same(due([], START), all)
  t.same(due(others, START), all)
})

t.test('the next key of access tokens is due as soon as the one before has begun to sign', async (t) => {
  const refresh = refreshRow('r')
  t.same(due([key('a'), refresh], START), [next])
  t.same(due([key('b', { signs_from: START + 1 }), key('a'), refresh], START), [])
  t.same(due([key('b', { signs_from: START + 1 }), key('a'), refresh], START + 1), [next])
})

t.test('a key of refresh tokens is due when the newest is as old as KEY_ROTATION_INTERVAL, and signs a second later', async (t) => {
  const rows = [key('b', { signs_from: NOT_YET }), key('a'), refreshRow('s', { created_at: START - DAY }), refreshRow('r')]
  t.same(due(rows, START + 30 * DAY - 1), [])
  t.same(due(rows, START + 30 * DAY), [{ use: 'refresh', signsFrom: START + 30 * DAY + 1000 }])
})

t.test('while the clock is not steady, no key is due but where none may sign', async (t) => {
  const rows = [key('a'), refreshRow('r')]
  t.same(due(rows, START + 3650 * DAY, rules, false), [])
  t.same(due([key('a')], START, rules, false), [{ use: 'refresh', signsFrom: START }])
  const ofTheFuture = rows.map((row) => ({ ...row, created_at: START + 3650 * DAY }))
  t.same(due(ofTheFuture, START, rules, false), [], 'it may be this clock that is behind')
})

t.test(
  'the next key takes over when the one that signs has done so for KEY_ROTATION_INTERVAL, and the next is known by then',
  async (t) => {
    const [a, b] = [key('a', { used_at: START + 30 * DAY }), key('b', { signs_from: NOT_YET, used_at: START + 30 * DAY })]
    t.same(dueAt([b, a], START + 30 * DAY - 1, 'a'), [])
    const change = { signs_from: START + 30 * DAY, used_at: START + 30 * DAY }
    t.same(dueAt([b, a], START + 30 * DAY, 'a'), [{ kid: 'b', change }])
    const late = { ...b, created_at: START + 30 * DAY, used_at: START + 30 * DAY + 300_000 }
    t.same(
      dueAt([late, a], START + 30 * DAY + 301_999, 'a').filter(({ kid }) => kid === 'b'),
      [],
    )
    t.match(
      dueAt([late, a], START + 30 * DAY + 302_000, 'a').filter(({ kid }) => kid === 'b'),
      [{ change: { signs_from: Number } }],
    )
  },
)

t.test('a key made by a clock far ahead signs nothing, is not waited for and does not put off the next', async (t) => {
  const ahead = START + 3650 * DAY
  const future = { created_at: ahead, signs_from: ahead, used_at: ahead }
  t.ok(isOfTheFuture(key('f', future), START))
  t.notOk(isOfTheFuture(key('f', { created_at: START + 60_000 }), START), 'clocks may differ by a minute')
  for (const signs_from of [ahead, START]) {
    const rows = [key('f', { ...future, signs_from }), key('a'), refreshRow('g', { ...future, signs_from }), refreshRow('r')]
    t.equal(signingKey(rows.slice(0, 2), START)?.kid, 'a')
    t.equal(signingKey(rows.slice(2), START)?.kid, 'r')
    t.equal(waitingKey(rows, rules, START), undefined)
    t.same(due(rows, START), [next])
    t.same(due(rows, START + 30 * DAY), [next, { use: 'refresh', signsFrom: START + 30 * DAY + 1000 }])
  }
  t.equal(signingKey([key('f', future)], START)?.kid, 'f', 'where there is no other, better this one than none')
})

t.test('a next key whose signs_from was set by a clock far ahead waits as before', async (t) => {
  const rows = [key('b', { signs_from: START + 3650 * DAY }), key('a')]
  t.equal(waitingKey(rows, rules, START)?.kid, 'b')
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

t.test('JWT_SECRET is entered once, is never rotated, and no key of refresh tokens is taken for it or for the next', async (t) => {
  const hs256 = keyRules({ ...settings, jwtAlgorithm: 'HS256', jwtSecret: SECRET })
  const refresh = refreshRow('r', { created_at: START + 999 * DAY })
  t.equal(waitingKey([refreshRow('r', { signs_from: NOT_YET })], rules, START), undefined)
  t.same(due([refresh], START + 1000 * DAY, hs256), [{ use: 'access', signsFrom: START + 1000 * DAY }])
  t.same(due([secretRow(SECRET), refresh], START + 1000 * DAY, hs256), [])
})

t.test('the signing key renews its used_at before the time that used_at covers runs out', async (t) => {
  const rows = [key('a')]
  t.same(dueAt(rows, START, 'a'), [])
  t.same(dueAt(rows, START + LEASE / 2 - 1, 'a'), [])
  t.same(dueAt(rows, START + LEASE / 2, 'a'), [{ kid: 'a', change: { used_at: START + LEASE / 2, signs_from: START } }])
})

t.test('with short token lifetimes used_at is renewed more often, but not more often than every five seconds', async (t) => {
  t.equal(lastExpiry(key('a', { token_ttl: 1000 })), START + 100_000 + 1_000_000)
  t.equal(lastExpiry(key('a', { token_ttl: 4 })), START + 5000 + 4000)
})

t.test('a key that signs before its signs_from, because no other may, gets the present time as its signs_from', async (t) => {
  const rows = [key('a', { signs_from: START + 1000, used_at: START + 1000 })]
  t.same(dueAt(rows, START, 'a'), [{ kid: 'a', change: { used_at: START + 1000, signs_from: START } }])
})
