import { createLocalJWKSet, jwtVerify } from 'jose'
import t from 'tap'
import { type SigningKeyUpdate, updateSigningKey } from '../../../db/signing-keys.ts'
import { listKeys, retireKey, rotateKeys } from '../../../domain/keys/commands.ts'
import { generateAccessKey, generateRefreshKey } from '../../../domain/keys/generate.ts'
import type { TokenType } from '../../../domain/tokens/claims.ts'
import { build, logIn, post, register } from '../../helper.ts'
import { DAY, HS256, kidOf, openSite, SECRET } from './keys.ts'

const MONTH = 30 * DAY
const TEN_YEARS = 3650 * DAY

t.test('an old JWT_SECRET verifies until its last token is dead, and comes to life when it signs anew', async (t) => {
  const site = await openSite(t)
  const secret = await site.start(HS256)
  const token = secret.issue()
  const process = await site.start({ JWT_SECRET: SECRET })
  const state = async () => (await listKeys(process)).find(({ kid }) => kid === kidOf(token))?.state
  t.ok(await process.accepts(token))
  t.equal(await state(), 'verifying')
  site.now += 330_000
  const forged = secret.issue()
  t.equal(kidOf(forged), kidOf(token))
  t.equal(await state(), 'ended')
  t.notOk(await process.accepts(forged), 'by whoever has the secret still')
  t.notOk(process.ring.algorithms.includes('HS256'))

  const again = await site.start(HS256)
  await process.tick()
  t.ok(await again.accepts(again.issue()))
  t.ok(await process.accepts(again.issue()))
})

t.test(
  'a key of access tokens verifies and recognizes nothing once its last token is dead, also before its private part is gone',
  async (t) => {
    const site = await openSite(t)
    const holder = await site.start({ JWT_ALGORITHM: 'EdDSA' })
    const process = await site.start()
    t.ok(await process.accepts(holder.issue()))
    site.now += 330_000
    const forged = holder.issue()
    t.notOk(await process.accepts(forged), 'by whoever has the private part still')
    t.equal(await process.tokens.recognize(forged), undefined)
  },
)

t.test('the keys that sign stay good while their use cannot be written down, however long that takes', async (t) => {
  for (const env of [{}, HS256]) {
    const site = await openSite(t)
    const process = await site.start(env)
    site.now += 10 * DAY
    for (const token of [process.issue(), process.issue('refresh')]) t.ok(await process.accepts(token))
  }
})

const replacements = {
  'a public key': async () => ({ use: 'access' as const, change: { public_key: (await generateAccessKey('ES256', undefined)).publicKey } }),
  'a private key': async () => ({
    use: 'access' as const,
    change: { private_key: (await generateAccessKey('ES256', undefined)).privateKey },
  }),
  'the secret of refresh tokens': async () => ({ use: 'refresh' as const, change: { private_key: generateRefreshKey().privateKey } }),
} satisfies Record<string, () => Promise<{ use: TokenType; change: SigningKeyUpdate }>>

for (const [name, make] of Object.entries(replacements)) {
  t.test(`${name} that was replaced by another in the database stops a start, and a running process keeps the good one`, async (t) => {
    const site = await openSite(t)
    const process = await site.start()
    const { use, change } = await make()
    const token = process.issue(use)
    const published = process.ring.publicJwks
    await process.db.write((handle) => updateSigningKey(handle, kidOf(token), change))
    await process.tick()
    t.ok(await process.accepts(token))
    t.ok(await process.accepts(process.issue(use)))
    t.same(process.ring.publicJwks, published)
    await t.rejects(site.start(), { message: new RegExp(`^signing key ${kidOf(token)} of the database cannot be read: `) })
  })
}

t.test('a verifier that keeps the set of before finds in it the key that signs after a rotate or a retire', async (t) => {
  const site = await openSite(t)
  const process = await site.start()
  const steps = {
    retire: () => retireKey(process, kidOf(process.issue())),
    'retire once more': () => retireKey(process, kidOf(process.issue())),
    rotate: () => rotateKeys(process),
  }
  for (const [name, step] of Object.entries(steps)) {
    const kept = createLocalJWKSet({ keys: [...process.ring.publicJwks] })
    await step()
    for (let i = 0; i < 2; i++) await process.tick()
    const check = () => jwtVerify(process.issue(), kept, { currentDate: new Date(site.now) })
    await t.resolves(check(), name)
    site.now += 302_000
    await process.tick()
    if (name === 'rotate') await t.resolves(check(), 'the rotated key signs now')
  }
})

t.test(
  'a key whose last token is dead does not sign again when the one after it is retired, though the next is not known everywhere',
  async (t) => {
    const site = await openSite(t)
    const process = await site.start({ JWKS_MAX_AGE: '3600' })
    site.now += 3_602_000
    await process.tick()
    const first = kidOf(process.issue())
    const { kid } = await rotateKeys(process)
    await process.tick()
    t.equal(kidOf(process.issue()), kid)
    site.now += 400_000
    await retireKey(process, kid)
    await process.ring.look()
    t.notOk([first, kid].includes(kidOf(process.issue())))
  },
)

t.test('keys of a clock ten years ahead sign nothing when it is right again, are told of once, and do not stop the rotation', async (t) => {
  const site = await openSite(t)
  const before = await site.start()
  const [access, refresh] = [before.issue(), before.issue('refresh')]
  site.now += TEN_YEARS
  const ahead = await site.start()
  for (let i = 0; i < 3; i++) await ahead.tick()
  site.now -= TEN_YEARS - 60_000
  const after = await site.start()
  for (let i = 0; i < 3; i++) await after.tick()
  const future = (await listKeys(after)).filter(({ createdAt }) => createdAt > site.now).map(({ kid }) => kid)
  t.ok(future.length > 0)
  t.same(new Set(after.ofTheFuture), new Set(future))
  t.equal(after.ofTheFuture.length, future.length)
  for (const token of [access, refresh]) t.ok(await after.accepts(token), 'nobody is logged out')
  const signing = [kidOf(after.issue()), kidOf(after.issue('refresh'))]
  for (const kid of signing) t.notOk(future.includes(kid))

  for (let day = 0; day < 31; day++) {
    site.now += DAY
    for (let i = 0; i < 2; i++) await after.tick()
  }
  const later = [kidOf(after.issue()), kidOf(after.issue('refresh'))]
  for (const kid of later) t.notOk([...future, ...signing].includes(kid))
  const next = (await listKeys(after)).filter(({ kid, state }) => state === 'pending' && !future.includes(kid))
  t.equal(next.length, 1)
})

t.test('while the clock of a running process is ten years ahead for a moment, no key is lost and none is made', async (t) => {
  const app = await build(t)
  await register(app)
  const before = await logIn(app)
  const kids = async () => (await listKeys(app)).map(({ kid, state }) => `${kid} ${state}`).sort()
  const all = await kids()
  for (const seconds of [TEN_YEARS / 1000, -TEN_YEARS / 1000]) {
    app.clock.jump(seconds)
    for (let i = 0; i < 3; i++) await app.keys.keepUp()
  }
  t.same(await kids(), all)
  const after = await logIn(app)
  t.same([kidOf(after.access), kidOf(after.refresh)], [kidOf(before.access), kidOf(before.refresh)])
  app.clock.advance(MONTH / 1000)
  await app.keys.keepUp()
  t.not(kidOf((await logIn(app)).access), kidOf(before.access), 'steady again, it rotates')
})

t.test('no refresh token is lost by a clock that is set back for a moment', async (t) => {
  const app = await build(t)
  await register(app)
  const { refresh } = await logIn(app)
  await rotateKeys(app, 'refresh')
  app.clock.advance(3600)
  await app.keys.keepUp()
  app.clock.jump(-60 * 86_400)
  for (let i = 0; i < 3; i++) {
    await app.keys.look()
    await app.keys.keepUp()
  }
  app.clock.jump(60 * 86_400)
  await app.keys.look()
  t.equal((await post(app, '/api/token/refresh/', { refresh })).statusCode, 200)
})

t.test('no refresh token is lost by a process that starts with a clock far behind', async (t) => {
  const site = await openSite(t)
  const process = await site.start()
  const token = process.issue('refresh')
  await rotateKeys(process, 'refresh')
  site.now += 3_600_000
  await process.tick()
  site.now -= TEN_YEARS
  const behind = await site.start()
  await behind.tick()
  site.now += TEN_YEARS
  await process.tick()
  t.ok(await process.accepts(token))
})
