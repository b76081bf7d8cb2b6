// Not on PostgreSQL: tokens and headers are refused before the database is asked.
import t from 'tap'
import { build, post, START } from '../helper.ts'
import { type Claims, type Forge, openForge } from './forge.ts'
import { answerOf, bearerRefused, REFRESH, refreshRefused, show, success, TAKERS, tokenRefused, VERIFY } from './wire.ts'

const NOW = START / 1000
const YEAR_10000 = 253_402_300_800
const NO_EXP = "Token has no 'exp' claim"
const NO_ID = 'Token has no id'
const NO_TYPE = 'Token has no type'
const WRONG_TYPE = 'Token has wrong type'
const INVALID = 'Token is invalid or expired'

type Change = (claims: Claims) => Claims

const set =
  (changes: Claims): Change =>
  (claims) => ({ ...claims, ...changes })
/** Removes members, which are separated by spaces, and changes others. */
const drop =
  (members: string, changes: Claims = {}): Change =>
  (claims) => ({ ...Object.fromEntries(Object.entries(claims).filter(([name]) => !members.split(' ').includes(name))), ...changes })
const each = (member: string, values: readonly unknown[]): [string, Change, string][] =>
  values.map((value) => [`${member} ${show(value)}`, set({ [member]: value }), INVALID])

/** Well-signed tokens, and the text with which they are refused: as `detail` by refresh and verify, in `messages` by header-auth. */
const CLAIMS: readonly (readonly [name: string, change: Change, text: string])[] = [
  ['A29: no exp', drop('exp'), NO_EXP],
  ['A29: no jti', drop('jti'), NO_ID],
  ['A29: no token_type', drop('token_type'), NO_TYPE],
  ...['iat', 'user_id', 'sub', 'iss', 'sid'].map((member) => [`A29: no ${member}`, drop(member), INVALID] as const),
  ['A29: nothing at all', () => ({}), NO_EXP],
  ...each('token_type', [1, null, true, [], ['access'], {}]),
  ...each('exp', [NOW, NOW - 1, 0, -1, YEAR_10000, NOW + 300.5, `${NOW + 300}`, '', null, true, [NOW + 300], {}]),
  ...each('iat', [NOW + 61, NOW + 86_400, -1, YEAR_10000, NOW - 0.5, `${NOW}`, '', null, false, [NOW], {}]),
  ...each('nbf', [NOW + 61, NOW + 86_400, -1, YEAR_10000, NOW - 0.5, `${NOW}`, '', null, false, [NOW], {}]),
  ...each('jti', ['', 1, 0, null, true, [], ['x'], {}]),
  ...each('user_id', ['1', '31', 'abc', '', null, 1.5, true, [1], {}]),
  ...each('sub', [1, 0, null, true, ['1'], {}, '', '2', '01', ' 1']),
  ...each('iss', [1, null, '', ['http://localhost:3000'], {}, 'http://localhost:3000/', 'http://elsewhere']),
  ...each('sid', [
    1,
    null,
    '',
    'abc',
    '-1',
    '1.0',
    '1e0',
    '0x1',
    ' 1',
    '1-',
    '1-abc',
    `1-${'A'.repeat(23)}`,
    `1-${'='.repeat(22)}`,
    ['1'],
    {},
  ]),
  ['order: a claim of a wrong type before no exp', drop('exp', { jti: 7 }), INVALID],
  ['order: a subject that is no string before no exp', drop('exp', { sub: 7 }), INVALID],
  ['order: iat in the future before no exp', drop('exp', { iat: NOW + 61 }), INVALID],
  ['order: no exp before no id and no type', drop('exp jti token_type'), NO_EXP],
  ['order: expired before no id', drop('jti', { exp: NOW }), INVALID],
  ['order: no id before no type', drop('jti token_type'), NO_ID],
  ['order: no type before the user', drop('token_type', { user_id: 999, sub: '999' }), NO_TYPE],
]

t.test('B6, A22, A29: a well-signed token with wrong claims is refused by all four endpoints', async (t) => {
  const app = await build(t)
  const forge = await openForge(app)
  for (const [name, change, text] of CLAIMS) {
    for (const taker of TAKERS) {
      const token = forge.token(taker.type, change(forge.claims(taker.type)))
      t.strictSame(answerOf(await taker.send(app, token)), taker.refused(text), `${name} → ${taker.name}`)
    }
  }
})

t.test('A29: where no audience is set, an access token with one is for somebody else; of a refresh token it is not asked', async (t) => {
  const app = await build(t)
  const forge = await openForge(app)
  for (const aud of ['shop', '', null, 1, ['shop'], [], {}]) {
    const [access, refresh] = (['access', 'refresh'] as const).map((type) => forge.token(type, { ...forge.claims(type), aud }))
    t.strictSame(answerOf(await post(app, VERIFY, { token: access })), tokenRefused(), show(aud))
    t.strictSame(answerOf(await TAKERS[3].send(app, access as string)), bearerRefused(), show(aud))
    t.strictSame(answerOf(await post(app, VERIFY, { token: refresh })), success(200, {}), show(aud))
  }
})

t.test('B6, B7: the wrong type of token is refused with its own text where a type is needed', async (t) => {
  const app = await build(t)
  const forge = await openForge(app)
  const [access, refresh] = [forge.token('access', forge.claims('access')), forge.token('refresh', forge.claims('refresh'))]
  const disabled = () => app.db.write((handle) => handle.updateTable('users').set({ is_active: 0 }).execute())
  for (const time of ['', ', before the user is looked at']) {
    const answers = {
      refresh: answerOf(await TAKERS[0].send(app, access)),
      'refresh-and-verify': answerOf(await TAKERS[2].send(app, access)),
      header: answerOf(await TAKERS[3].send(app, refresh)),
    }
    t.strictSame(answers.refresh, tokenRefused(WRONG_TYPE), `refresh${time}`)
    t.strictSame(answers['refresh-and-verify'], refreshRefused, `refresh-and-verify${time}`)
    t.strictSame(answers.header, bearerRefused(WRONG_TYPE), `header${time}`)
    await disabled()
  }
  const other = forge.token('access', set({ token_type: 'sliding' })(forge.claims('access')))
  t.strictSame(answerOf(await TAKERS[0].send(app, other)), tokenRefused(WRONG_TYPE), 'an unknown type on refresh')
  t.strictSame(answerOf(await TAKERS[3].send(app, other)), bearerRefused(WRONG_TYPE), 'an unknown type in the header')
})

t.test('A3: an id of any size, of a user or a session, that does not exist is 401 and never 500', async (t) => {
  const app = await build(t)
  const forge = await openForge(app)
  const users = [0, -1, 2 ** 31, 2 ** 53 - 1, 2 ** 53, 2 ** 63, 1e300].map((id) => ({ user_id: id, sub: String(id) }))
  // The session 1 is alive, with another random part.
  const ofOthers = ['1', `1-${'A'.repeat(22)}`]
  const sessions = [...ofOthers, '0', '999', '9007199254740993', '9'.repeat(16), '9'.repeat(30), '9'.repeat(400)].map((sid) => ({ sid }))
  for (const changes of [...users, ...sessions]) {
    for (const taker of TAKERS) {
      const answer = await taker.send(app, forge.token(taker.type, { ...forge.claims(taker.type), ...changes }))
      t.equal(answer.statusCode, 401, `${show(changes)} → ${taker.name}`)
    }
  }
})

t.test('A22, A27: times are accepted exactly within their bounds', async (t) => {
  const cases: [name: string, changes: Claims, isGood: boolean][] = [
    ['iat 60 s ahead', { iat: NOW + 60 }, true],
    ['iat 61 s ahead', { iat: NOW + 61 }, false],
    ['nbf 60 s ahead', { nbf: NOW + 60 }, true],
    ['nbf 61 s ahead', { nbf: NOW + 61 }, false],
    ['nbf and iat at the beginning', { nbf: 0, iat: 0 }, true],
    ['exp now', { exp: NOW }, false],
    ['exp in a second', { exp: NOW + 1 }, true],
    ['exp at the end of the year 9999', { exp: YEAR_10000 - 1 }, true],
    ['exp a second later', { exp: YEAR_10000 }, false],
  ]
  const app = await build(t)
  const forge = await openForge(app)
  for (const [name, changes, isGood] of cases) {
    const token = forge.token('access', set(changes)(forge.claims('access')))
    t.strictSame(answerOf(await post(app, VERIFY, { token })), isGood ? success(200, {}) : tokenRefused(), name)
  }
})

t.test('A27: a token is good while exp is after now, also one whose verification is cached', async (t) => {
  const app = await build(t)
  const forge = await openForge(app)
  const token = forge.token('access', forge.claims('access'))
  t.strictSame(answerOf(await post(app, VERIFY, { token })), success(200, {}))
  app.clock.advance(299)
  t.strictSame(answerOf(await post(app, VERIFY, { token })), success(200, {}))
  app.clock.advance(0.999)
  t.strictSame(answerOf(await post(app, VERIFY, { token })), success(200, {}))
  app.clock.advance(0.001)
  t.strictSame(answerOf(await post(app, VERIFY, { token })), tokenRefused())
  t.strictSame(answerOf(await TAKERS[3].send(app, token)), bearerRefused())
})

t.test('A18: expired, forged and malformed tokens get the same text', async (t) => {
  const app = await build(t)
  const forge = await openForge(app)
  const refresh = forge.token('refresh', forge.claims('refresh'))
  app.clock.advance(86_400)
  for (const token of [refresh, `${refresh.slice(0, -8)}AAAAAAAA`, 'garbage']) {
    t.strictSame(answerOf(await post(app, REFRESH, { refresh: token })), tokenRefused(), token.slice(-12))
  }
})

t.test('A29: only tokens of JWT_AUDIENCE and of the current or a previous issuer are accepted', async (t) => {
  const app = await build(t, {
    JWT_AUDIENCE: 'shop',
    JWT_ISSUER: 'https://new.example.com',
    JWT_PREVIOUS_ISSUERS: 'https://old.example.com,https://older.example.com',
  })
  const forge = await openForge(app)
  const cases: [name: string, change: Change, isGood: boolean][] = [
    ['as issued', set({}), true],
    ['ours in a list (RFC 7519 §4.1.3)', set({ aud: ['bank', 'shop'] }), true],
    ['another audience', set({ aud: 'bank' }), false],
    ['a list of others', set({ aud: ['bank'] }), false],
    ['no audience', drop('aud'), false],
    ['a previous issuer', set({ iss: 'https://old.example.com' }), true],
    ['one before it', set({ iss: 'https://older.example.com' }), true],
    ['PUBLIC_URL, which is not the issuer', set({ iss: 'http://localhost:3000' }), false],
  ]
  for (const [name, change, isGood] of cases) await holds(name, change, isGood)

  async function holds(name: string, change: Change, isGood: boolean): Promise<void> {
    const token = make(forge, change)
    t.strictSame(answerOf(await post(app, VERIFY, { token })), isGood ? success(200, {}) : tokenRefused(), name)
  }
})

function make(forge: Forge, change: Change): string {
  return forge.token('access', change(forge.claims('access')))
}
