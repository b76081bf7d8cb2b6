import t from 'tap'
import type { SigningKeyRow } from '../../../db/schema.ts'
import { keyRules, lastExpiry } from '../../../domain/keys/schedule.ts'
import { START } from '../../helper.ts'
import { DAY, dueAt, key, LEASE, settings } from './rows.ts'

t.test('a key loses its private part when the last token it can have signed has expired, and a day later its row goes', async (t) => {
  const rows = [key('b', { created_at: START + 1, signs_from: START + DAY, used_at: START + 3 * DAY }), key('a')]
  const end = START + LEASE + DAY
  t.equal(lastExpiry(key('a'), rows), end)
  t.same(dueAt(rows, end - 1, 'b'), [])
  t.same(dueAt(rows, end, 'b'), [{ kid: 'a', change: { private_key: null } }])
  const ended = [rows[0] as SigningKeyRow, key('a', { private_key: null })]
  t.same(dueAt(ended, end + DAY - 1, 'b'), [])
  t.same(dueAt(ended, end + DAY, 'b'), [{ kid: 'a', change: 'delete' }])
})

t.test('a key that other processes sign with stays as long as they renew its used_at, whatever JWT_ALGORITHM is here', async (t) => {
  const eddsa = keyRules({ ...settings, jwtAlgorithm: 'EdDSA' })
  const mine = key('e', { algorithm: 'EdDSA', used_at: START + 10 * DAY })
  const end = START + 10 * DAY + LEASE + DAY
  const theirs = key('a', { used_at: START + 10 * DAY })
  t.same(
    dueAt([mine, theirs], end - 1, 'e', eddsa).filter(({ kid }) => kid === 'a'),
    [],
  )
  t.same(
    dueAt([mine, theirs], end, 'e', eddsa).filter(({ kid }) => kid === 'a'),
    [{ kid: 'a', change: { private_key: null } }],
  )
})

t.test('the signing key never ends, however long the service was down', async (t) => {
  const rows = [key('a')]
  t.same(dueAt(rows, START + 1000 * DAY, 'a'), [{ kid: 'a', change: { used_at: START + 1000 * DAY, signs_from: START } }])
})

t.test('a pending key is not changed', async (t) => {
  const pending = key('b', { signs_from: START + 302_000, used_at: START + 302_000 })
  t.same(dueAt([pending, key('a')], START, 'a'), [])
})

t.test('the row of a retired key is not changed', async (t) => {
  const retired = key('a', { retired_at: START, private_key: null, token_ttl: 0 })
  t.same(dueAt([key('b', { used_at: START + 1000 * DAY }), retired], START + 1000 * DAY, 'b'), [])
})

t.test('a key lives as long as the longest token lifetime that was set while it signed', async (t) => {
  const longer = keyRules({ ...settings, refreshTokenTtlSeconds: 604_800 })
  t.same(dueAt([key('a')], START, 'a', longer), [{ kid: 'a', change: { token_ttl: 604_800 } }])
  t.same(dueAt([key('a', { token_ttl: 604_800 })], START, 'a'), [], 'a shorter lifetime does not shorten it')
  const access = keyRules({ ...settings, accessTokenTtlSeconds: 604_800 })
  t.same(dueAt([key('a')], START, 'a', access), [{ kid: 'a', change: { token_ttl: 604_800 } }])
})

t.test('a longer token lifetime changes the keys that may still sign, and no others', async (t) => {
  const longer = keyRules({ ...settings, refreshTokenTtlSeconds: 604_800 })
  const rows = [
    key('next', { signs_from: START + 2000, used_at: START + 2000 }),
    key('now', { signs_from: START, created_at: START - 1000 }),
    key('before', { signs_from: START - DAY, created_at: START - DAY }),
    key('other', { algorithm: 'EdDSA' }),
  ]
  t.same(
    dueAt(rows, START, 'now', longer).map(({ kid }) => kid),
    ['next', 'now'],
  )
})

t.test('a key outlives the tokens that earlier keys signed: it may have signed such a token again with its old expiry', async (t) => {
  const before = key('a', { token_ttl: 2_592_000, used_at: START })
  const next = key('b', { signs_from: START + 1000, used_at: START + 1000, token_ttl: 3600 })
  const lease = 360_000
  t.equal(lastExpiry(next, [next, before]), START + 1000 + lease + 30 * DAY)
  const later = key('c', { signs_from: START + 10 * DAY, used_at: START + 10 * DAY, token_ttl: 3600 })
  t.equal(lastExpiry(later, [later, before]), START + LEASE + 30 * DAY, 'as long as the earlier tokens can live, and no longer')
  t.equal(lastExpiry(next, [later, next]), START + 1000 + lease + 3_600_000, 'keys that came later do not count')
})

t.test('a key from before used_at and token_ttl existed counts as used until now', async (t) => {
  const rows = [
    key('a', { token_ttl: 0, used_at: 0, signs_from: 0 }),
    key('b', { token_ttl: 0, used_at: 0, signs_from: 0, algorithm: 'EdDSA' }),
  ]
  t.same(dueAt(rows, START, 'a'), [
    { kid: 'a', change: { used_at: START, signs_from: 0, token_ttl: 86_400 } },
    { kid: 'b', change: { used_at: START, token_ttl: 86_400 } },
  ])
})
