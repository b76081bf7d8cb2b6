import t, { type Test } from 'tap'
import { post, register, START, type TestApp } from '../helper.ts'
import { segment, signedWithSecret, withSegment, withUnusedBits } from '../wire/forge.ts'
import { answerOf, REFRESH, show, tokenRefused, VERIFY } from '../wire/wire.ts'
import {
  buildLegacy,
  type Claims,
  imported,
  KEY,
  LEGACY_TAKERS,
  legacyClaims,
  legacyRows,
  legacyToken,
  MD5,
  NOW,
  sessionsOf,
  signLegacy,
  UNTIL_SECONDS,
  verified,
} from './legacy.ts'

const INVALID = 'Token is invalid or expired'
const ENDED = 'Token is blacklisted'

type Type = 'access' | 'refresh'
type Make = (type: Type) => string

/** Legacy tokens that are good but for one thing, and the text with which they are refused. */
const FAULTS: readonly (readonly [name: string, make: Make, text: string])[] = [
  ...headed('a kid', { alg: 'HS256', typ: 'JWT', kid: 'x' }),
  ...headed('no typ', { alg: 'HS256' }),
  ...headed('another typ', { alg: 'HS256', typ: 'at+jwt' }),
  ...headed('typ in small letters', { alg: 'HS256', typ: 'jwt' }),
  ...headed('one more member', { alg: 'HS256', typ: 'JWT', cty: 'JWT' }),
  ...headed('crit', { alg: 'HS256', typ: 'JWT', crit: ['exp'] }),
  ...headed('alg in small letters', { alg: 'hs256', typ: 'JWT' }),
  ...headed('another algorithm', { alg: 'RS256', typ: 'JWT' }),
  ['HS512', (type) => signLegacy(legacyClaims(type), { alg: 'HS512', typ: 'JWT' }, KEY, 'sha512'), INVALID],
  ['another key', (type) => signLegacy(legacyClaims(type), undefined, `${KEY}x`), INVALID],
  ['no signature', (type) => `${unsigned(type, { alg: 'none', typ: 'JWT' })}.`, INVALID],
  ['no algorithm', (type) => `${unsigned(type, { alg: 'none', typ: 'JWT' })}.AAAA`, INVALID],
  ['a signature with unused bits', (type) => withSegment(legacyToken(type), 2, withUnusedBits), INVALID],
  ['padding', (type) => `${legacyToken(type)}=`, INVALID],
  ['a payload that is no object', () => written('[]'), INVALID],
  [
    'bytes that are not UTF-8',
    (type) => written(Buffer.concat([Buffer.from(JSON.stringify(legacyClaims(type))), Buffer.of(0xff)])),
    INVALID,
  ],
  ['no exp', without('exp'), "Token has no 'exp' claim"],
  ['no jti', without('jti'), 'Token has no id'],
  ['no token_type', without('token_type'), 'Token has no type'],
  ['no iat', without('iat'), INVALID],
  ['no user', without('user_id'), INVALID],
  ...each('exp', [NOW, NOW - 1, NOW + 300.5, `${NOW + 300}`, null, { toString: 1, valueOf: 1 }]),
  ...each('iat', [NOW + 61, -1, NOW - 0.5, `${NOW}`, null, { toString: 1, valueOf: 1 }]),
  ...each('nbf', [NOW + 61, 'soon', null]),
  ...each('jti', ['', 7, null, ['x'], 'x'.repeat(256), 'a\0b', 'a\ud800b']),
  ...each('token_type', [1, null, ['access']]),
  ...each('user_id', [
    0,
    -1,
    1.5,
    2 ** 53,
    true,
    null,
    [1],
    {},
    '',
    '0',
    '01',
    '+1',
    ' 1',
    '1 ',
    '1.0',
    '1e0',
    '0x1',
    '9007199254740993',
    'alice',
  ]),
  ...each('hash_password', [MD5.toLowerCase(), `${MD5}0`, MD5.slice(1), 'é'.repeat(32), '', 7, null, [MD5]], ENDED),
]

function headed(name: string, header: Claims): [string, Make, string][] {
  return [[`a header with ${name}`, (type) => signLegacy(legacyClaims(type), header), INVALID]]
}

function unsigned(type: Type, header: Claims): string {
  return `${segment(JSON.stringify(header))}.${segment(JSON.stringify(legacyClaims(type)))}`
}

function without(member: string): Make {
  return (type) => signLegacy(Object.fromEntries(Object.entries(legacyClaims(type)).filter(([name]) => name !== member)))
}

/** A signed payload that need not be an object. */
function written(payload: string | Buffer): string {
  const [header] = legacyToken('access').split('.')
  return signedWithSecret(`${header}.${segment(payload)}`, KEY)
}

function each(member: string, values: readonly unknown[], text = INVALID): [string, Make, string][] {
  return values.map((value) => [`${member} ${show(value)}`, (type) => legacyToken(type, { [member]: value }), text])
}

async function refusedByAll(t: Test, app: TestApp, name: string, make: Make, text: string): Promise<void> {
  for (const taker of LEGACY_TAKERS) {
    t.strictSame(answerOf(await taker.send(app, make(taker.type))), taker.refused(text), `${name} → ${taker.name} (${taker.type})`)
  }
}

/** Each in an app of its own would take long: so with a token of its own. */
async function takenByAll(t: Test, app: TestApp, name: string, make: (jti: string, type: Type) => string): Promise<void> {
  for (const [index, taker] of LEGACY_TAKERS.entries()) {
    const answer = answerOf(await taker.send(app, make(`${name} ${index}`, taker.type)))
    t.ok(taker.isTaken(answer), `${name} → ${taker.name} (${taker.type})`, { answer })
  }
}

t.test('a legacy token that lacks one thing is refused by every endpoint, and leaves nothing behind', async (t) => {
  const app = await buildLegacy(t)
  for (const [name, make, text] of FAULTS) await refusedByAll(t, app, name, make, text)
  t.same(await legacyRows(app), [])
  t.same(await sessionsOf(app), [])
})

t.test('legacy tokens as Simple JWT of any version makes them, and up to their limits, are taken by every endpoint', async (t) => {
  const app = await buildLegacy(t, { SESSIONS_PER_USER: '1000' })
  const good: [name: string, changes: Claims, header?: Claims][] = [
    ['of 5.5.1', { user_id: '1' }],
    ['of 5.4.0', { user_id: 1 }],
    ['header the other way round', {}, { typ: 'JWT', alg: 'HS256' }],
    ['an issuer and audience that nobody asks for', { iss: 'elsewhere', aud: ['a', 'b'] }],
    ['the password', { hash_password: MD5 }],
    ['claims of a subclass', { name: 'Alice', is_staff: true, sub: 7, sid: 7 }],
    ['iat and nbf 60 s ahead', { iat: NOW + 60, nbf: NOW + 60 }],
    ['exp in a second', { exp: NOW + 1 }],
  ]
  for (const [name, changes, header] of good) {
    await takenByAll(t, app, name, (jti, type) => signLegacy(legacyClaims(type, { ...changes, jti }), header))
  }
  await takenByAll(t, app, 'a jti of 255 characters', (jti, type) => legacyToken(type, { jti: jti.padEnd(255, 'x') }))
})

t.test('a token of another type than access and refresh is refused', async (t) => {
  const app = await buildLegacy(t)
  for (const taker of LEGACY_TAKERS) {
    const sliding = legacyToken('access', { token_type: 'sliding', refresh_exp: NOW + 900 })
    const text = taker.name === 'verify' ? INVALID : 'Token has wrong type'
    t.strictSame(answerOf(await taker.send(app, sliding)), taker.refused(text), taker.name)
    if (taker.name === 'verify') continue
    const other = legacyToken(taker.type === 'access' ? 'refresh' : 'access')
    t.strictSame(answerOf(await taker.send(app, other)), taker.refused('Token has wrong type'), `${taker.name}, the other type`)
  }
})

t.test('legacy tokens are taken until LEGACY_JWT_UNTIL, and not from then on', async (t) => {
  const app = await buildLegacy(t)
  const exp = UNTIL_SECONDS + 1000
  app.clock.advance(UNTIL_SECONDS - NOW - 0.001)
  await takenByAll(t, app, 'before', (jti, type) => legacyToken(type, { jti, exp }))
  app.clock.advance(0.001)
  await refusedByAll(t, app, 'then', (type) => legacyToken(type, { jti: 'then', exp }), INVALID)
})

t.test('without a key no legacy token is taken', async (t) => {
  const app = await buildLegacy(t, { LEGACY_JWT_SECRET: '', LEGACY_JWT_UNTIL: '' })
  await refusedByAll(t, app, 'no key', (type) => legacyToken(type), INVALID)
})

t.test('the issuer, the audience and the claim of the user are those of the settings', async (t) => {
  const settings = { LEGACY_JWT_ISSUER: 'us', LEGACY_JWT_AUDIENCE: 'shop', LEGACY_JWT_USER_CLAIM: 'uid' }
  const app = await buildLegacy(t, settings)
  const fit = { iss: 'us', aud: 'shop', uid: 1, user_id: 2 }
  await takenByAll(t, app, 'all', (jti, type) => legacyToken(type, { ...fit, jti }))
  await takenByAll(t, app, 'a list of audiences', (jti, type) => legacyToken(type, { ...fit, jti, aud: ['bank', 'shop'] }))
  const unfit: Claims[] = [
    ...['them', undefined, null, ['us']].map((iss) => ({ iss })),
    ...['bank', undefined, null, [], ['bank'], [['shop']], { shop: 'shop' }].map((aud) => ({ aud })),
    { uid: undefined },
  ]
  for (const changes of unfit) await refusedByAll(t, app, show(changes), (type) => legacyToken(type, { ...fit, ...changes }), INVALID)
})

t.test('a legacy token is of an imported user who is active: others are told as with tokens of ours', async (t) => {
  const app = await buildLegacy(t)
  await register(app, 'here')
  await register(app, 'disabled')
  await imported(app, 'disabled')
  await app.db.write((handle) => handle.updateTable('users').set({ is_active: 0 }).where('username', '=', 'disabled').execute())
  const statuses = async (user_id: number) => {
    const answers = await Promise.all(LEGACY_TAKERS.map((taker) => taker.send(app, legacyToken(taker.type, { user_id }))))
    return answers.map(
      (answer, index) => `${LEGACY_TAKERS[index]?.name}: ${answer.statusCode} ${answer.json().code} ${answer.json().detail}`,
    )
  }
  const unknown = [
    'refresh: 401 no_active_account No active account found for the given token.',
    'refresh-and-verify: 401 token_not_valid Invalid refresh token',
    'blacklist: 401 token_not_valid Token is blacklisted',
    'verify: 401 token_not_valid Token is invalid or expired',
    'verify: 401 token_not_valid Token is invalid or expired',
    'header authentication: 401 user_not_found User not found',
    'me: 401 user_not_found User not found',
  ]
  t.same(await statuses(999), unknown, 'there is none')
  t.same(await statuses(2), unknown, 'one who has registered here')
  const inactive = unknown.map((line) => line.replace('user_not_found User not found', 'user_inactive User is inactive'))
  t.same((await statuses(3)).toSpliced(2, 1), inactive.toSpliced(2, 1), 'a disabled one')
  t.same(await sessionsOf(app), [])
})

t.test('a legacy token that was issued in the second of a revocation or before it is dead, and one of the next is not', async (t) => {
  const app = await buildLegacy(t)
  const revoke = (at: number) => app.db.write((handle) => handle.updateTable('users').set({ tokens_revoked_at: at }).execute())
  for (const at of [START - 10_000, START - 9999, START - 9001]) {
    await revoke(at)
    await refusedByAll(t, app, `revoked at ${at}`, (type) => legacyToken(type, { iat: NOW - 10 }), ENDED)
  }
  await takenByAll(t, app, 'the next second', (jti, type) => legacyToken(type, { iat: NOW - 9, jti }))
  await revoke(START - 10_001)
  t.strictSame(answerOf(await post(app, VERIFY, { token: legacyToken('access') })), verified)
})

t.test('a legacy token with the jti of a dead one is refused, also one of another user', async (t) => {
  const app = await buildLegacy(t)
  await register(app, 'bob')
  await imported(app, 'bob')
  const token = { jti: 'dead', expires_at: START + 1000 }
  await app.db.write((handle) =>
    handle
      .insertInto('legacy_tokens')
      .values({ ...token, user_id: 1, session_id: null })
      .execute(),
  )
  for (const user_id of [1, 2]) await refusedByAll(t, app, `user ${user_id}`, (type) => legacyToken(type, { jti: 'dead', user_id }), ENDED)
  t.strictSame(answerOf(await post(app, VERIFY, { token: legacyToken('access', { jti: 'Dead' }) })), verified, 'letters count')
  t.equal((await post(app, REFRESH, { refresh: legacyToken('refresh', { jti: 'used' }) })).statusCode, 200)
  const access = legacyToken('access', { jti: 'used' })
  t.strictSame(answerOf(await post(app, VERIFY, { token: access })), tokenRefused(ENDED), 'one of a session is no access token, too')
})
