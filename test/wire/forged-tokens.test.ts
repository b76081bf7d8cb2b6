// Not on PostgreSQL: tokens and headers are refused before the database is asked.
import t from 'tap'
import { build, claimsOf, post, START } from '../helper.ts'
import { type Forge, openForge, segment, type TokenType } from './forge.ts'
import { FORGERIES, good, withSegments } from './forgeries.ts'
import { answerOf, problem, REFRESH, success, TAKERS, tokenRefused, VERIFY } from './wire.ts'

t.test('B6, A22, A29, A31: a token that is not strictly one of ours is refused by all four endpoints', async (t) => {
  const app = await build(t)
  const forge = await openForge(app)
  for (const [name, make] of FORGERIES) {
    for (const taker of TAKERS) {
      // A space would end the token in the header: that is another error, which header.test.ts checks.
      if (taker.name === 'header' && /\s/.test(make(forge, taker.type))) continue
      t.strictSame(answerOf(await taker.send(app, make(forge, taker.type))), taker.refused(), `${name} → ${taker.name}`)
    }
  }
})

t.test('A29: an access token of either typ is accepted, and a refresh token of no other than JWT', async (t) => {
  const app = await build(t)
  const forge = await openForge(app)
  for (const typ of ['JWT', 'at+jwt']) {
    const token = forge.token('access', forge.claims('access'), { ...forge.header('access'), typ })
    t.strictSame(answerOf(await post(app, VERIFY, { token })), success(200, {}), typ)
  }
  const token = forge.token('refresh', forge.claims('refresh'), { ...forge.header('refresh'), typ: 'at+jwt' })
  t.strictSame(answerOf(await post(app, VERIFY, { token })), tokenRefused())
  t.strictSame(answerOf(await post(app, REFRESH, { refresh: token })), tokenRefused())
})

t.test('a token of more than 8192 characters is refused, and a body over its limit is 413', async (t) => {
  const app = await build(t)
  const forge = await openForge(app)
  t.strictSame(answerOf(await post(app, VERIFY, { token: ofLength(forge, 'access', 8192) })), success(200, {}))
  const tooLarge = problem(413, 'payload_too_large', 'The body is larger than 16 KiB.')
  for (const taker of TAKERS) {
    for (const length of [8193, 16_001, 65_537]) {
      const answer = answerOf(await taker.send(app, ofLength(forge, taker.type, length)))
      const isOverBody = length > 16_384 && taker.name !== 'header'
      t.strictSame(answer, isOverBody ? tooLarge : taker.refused(), `${length} → ${taker.name}`)
    }
  }
})

t.test('a token that the forge makes is accepted when nothing in it is wrong', async (t) => {
  const app = await build(t)
  const forge = await openForge(app)
  for (const type of ['access', 'refresh'] as const) {
    t.equal((await post(app, VERIFY, { token: good(forge, type) })).statusCode, 200, type)
    t.equal((await post(app, VERIFY, { token: withSegments((...both) => both)(forge, type) })).statusCode, 200, `${type}, its JSON padded`)
  }
  t.equal(claimsOf(good(forge, 'access')).iat, START / 1000)
})

/** A well-signed token of a given length in characters. */
function ofLength(forge: Forge, type: TokenType, length: number): string {
  const [header, signature] = [segment(JSON.stringify(forge.header(type))).length, type === 'access' ? 86 : 43]
  const bytes = Math.floor(((length - header - signature - 2) * 3) / 4)
  const text = JSON.stringify(forge.claims(type)).padEnd(bytes)
  const token = forge.written(type, JSON.stringify(forge.header(type)), text)
  if (token.length !== length) throw new Error(`${token.length} characters`)
  return token
}
