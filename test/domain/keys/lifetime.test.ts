// Not on PostgreSQL: it uses no database.
import t from 'tap'
import type { SigningKeyRow } from '../../../db/schema.ts'
import { dueChanges } from '../../../domain/keys/due.ts'
import { keyRules, lastExpiry, NOT_YET } from '../../../domain/keys/schedule.ts'
import { START } from '../../helper.ts'
import { DAY, dueAt, key, LEASE, rules, settings } from './rows.ts'

t.test('a key loses its private part when the last token it can have signed has expired, and a day later its row goes', async (t) => {
  const rows = [key('b', { created_at: START + 1, signs_from: START + DAY }), key('a')]
  const due = (all: SigningKeyRow[], now: number) => dueAt(all, now, 'b').filter(({ kid }) => kid === 'a')
  const end = START + LEASE + DAY
  t.equal(lastExpiry(key('a')), end)
  t.same(due(rows, end - 1), [])
  t.same(due(rows, end), [{ kid: 'a', change: { private_key: null } }])
  const ended = [rows[0] as SigningKeyRow, key('a', { private_key: null })]
  t.same(due(ended, end + DAY - 1), [])
  t.same(due(ended, end + DAY), [{ kid: 'a', change: 'delete' }])
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
  const pending = key('b', { signs_from: START + 302_000 })
  t.same(dueAt([pending, key('a')], START, 'a'), [])
})

t.test('the row of a retired key is not changed', async (t) => {
  const retired = key('a', { retired_at: START, private_key: null, token_ttl: 0 })
  t.same(dueAt([key('b', { used_at: START + 1000 * DAY }), retired], START + 1000 * DAY, 'b'), [])
})

t.test('a key lives as long as the longest token lifetime that was set while it signed', async (t) => {
  const longer = keyRules({ ...settings, accessTokenTtlSeconds: 604_800 })
  t.same(dueAt([key('a')], START, 'a', longer), [{ kid: 'a', change: { token_ttl: 604_800 } }])
  t.same(dueAt([key('a', { token_ttl: 604_800 })], START, 'a'), [], 'a shorter lifetime does not shorten it')
  const refresh = keyRules({ ...settings, refreshTokenTtlSeconds: 604_800 })
  t.same(dueAt([key('a')], START, 'a', refresh), [], 'the lifetime of refresh tokens is not that of a key of access tokens')
  const before = key('a', { refresh_until: START / 1000 })
  t.same(dueAt([before], START, 'a', refresh), [], 'nor of one that has signed both until now')
  const own = key('r', { use: 'refresh', algorithm: 'HS256' })
  const due = dueChanges([own], refresh, { access: undefined, refresh: 'r' }, START, true)
  t.same(due, [{ kid: 'r', change: { token_ttl: 604_800 } }], 'and of those of refresh tokens')
})

t.test('a longer token lifetime changes the keys that may still sign, and no others', async (t) => {
  const longer = keyRules({ ...settings, accessTokenTtlSeconds: 604_800 })
  const rows = [
    key('next', { signs_from: START + 2000 }),
    key('now', { signs_from: START, created_at: START - 1000 }),
    key('before', { signs_from: START - DAY, created_at: START - DAY }),
    key('other', { algorithm: 'EdDSA' }),
  ]
  t.same(
    dueAt(rows, START, 'now', longer).map(({ kid }) => kid),
    ['next', 'now'],
  )
})

t.test(
  'the key of refresh tokens stays in its row as long as addresses are remembered after its last token, its secret with it',
  async (t) => {
    const old = key('r', { use: 'refresh', algorithm: 'HS256' })
    const end = lastExpiry(old)
    t.same(dueAt([old], end), [])
    t.same(dueAt([old], end + rules.recognitionMs - 1), [])
    t.same(dueAt([old], end + rules.recognitionMs), [{ kid: 'r', change: 'delete' }])
    const brief = keyRules({ ...settings, knownAddressHistorySeconds: 60 })
    t.same(dueAt([old], end + DAY - 1, undefined, brief), [], 'and for a day at least, as any')
  },
)

t.test('of keys of refresh tokens that have ended, the 200 newest are kept', async (t) => {
  const old = Array.from({ length: 201 }, (_, age) => key(`r${age}`, { use: 'refresh', algorithm: 'HS256', created_at: START - age }))
  const end = lastExpiry(old[0] as SigningKeyRow)
  t.same(dueAt(old, end - 1), [])
  t.same(dueAt(old, end), [{ kid: 'r200', change: 'delete' }])
})

t.test('a key that a clock far ahead has made is left alone', async (t) => {
  const ahead = START + 3650 * DAY
  t.same(dueAt([key('future', { created_at: ahead, signs_from: ahead, used_at: ahead }), key('a')], START, 'a'), [])
})

t.test('while the clock is not steady no key ends, none is deleted and none takes over', async (t) => {
  const signing = { access: 'a', refresh: 'r' }
  const rows = [
    key('next', { signs_from: NOT_YET }),
    key('a'),
    key('r', { use: 'refresh', algorithm: 'HS256' }),
    key('before', { signs_from: START - DAY }),
  ]
  const later = START + 3650 * DAY
  const changes = (isSteady: boolean) => new Map(dueChanges(rows, rules, signing, later, isSteady).map(({ kid, change }) => [kid, change]))
  t.equal(changes(true).get('before'), 'delete')
  t.match(changes(true).get('next'), { signs_from: later })
  t.same([...changes(false)], [], 'and no lease is written, for its time would be wrong')
})

t.test('a later lease stays: one that a clock which is behind made earlier would end the key', async (t) => {
  const ahead = START + 2 * DAY
  const begun = { used_at: ahead, signs_from: START - DAY, created_at: START - DAY }
  const rows = [key('a', begun), key('before', begun), key('next', { used_at: ahead, signs_from: NOT_YET })]
  t.same(dueAt(rows, START, 'a'), [])
  const early = key('a', { used_at: ahead, signs_from: ahead })
  t.same(dueAt([early], START, 'a'), [{ kid: 'a', change: { used_at: ahead, signs_from: START } }])
})

t.test('a key from before used_at and token_ttl existed counts as used until now', async (t) => {
  const rows = [
    key('a', { token_ttl: 0, used_at: 0, signs_from: 0 }),
    key('b', { token_ttl: 0, used_at: 0, signs_from: 0, algorithm: 'EdDSA' }),
  ]
  t.same(dueAt(rows, START, 'a'), [
    { kid: 'a', change: { used_at: START, signs_from: 0, token_ttl: 300 } },
    { kid: 'b', change: { used_at: START, token_ttl: 300 } },
  ])
})
