import { randomBytes } from 'node:crypto'
import t from 'tap'
import type { Handle } from '../../../db/database.ts'
import { DatabaseUnavailable } from '../../../db/errors.ts'
import { listSigningKeys } from '../../../db/signing-keys.ts'
import { rotateKeys } from '../../../domain/keys/commands.ts'
import { DatabaseKeyRing } from '../../../domain/keys/ring.ts'
import { headerOf, START } from '../../helper.ts'
import { openSite, type Process } from './keys.ts'

const kids = (process: Process) => process.ring.publicJwks.map(({ kid }) => kid)
const kidOf = (token: string) => headerOf(token).kid as string

t.test('a token with a kid that this process has not loaded yet is verified, after one look into the database', async (t) => {
  const site = await openSite(t)
  const [one, two] = [await site.start(), await site.start({ JWT_ALGORITHM: 'EdDSA' })]
  t.ok(await one.accepts(two.issue()))
  t.equal(kids(one).length, 4, 'with the next key of each')
  t.ok(await one.accepts(two.issue()))
})

t.test('many forged kids share a few queries, and malformed ones cause none', async (t) => {
  const site = await openSite(t)
  const process = await site.start()
  const [, payload, signature] = process.issue().split('.')
  let looks = 0
  const { look } = process.ring
  process.ring.look = () => {
    looks++
    return look.call(process.ring)
  }
  const withKid = (kid: unknown) => {
    const header = Buffer.from(JSON.stringify({ alg: 'ES256', kid, typ: 'at+jwt' })).toString('base64url')
    return `${header}.${payload}.${signature}`
  }
  const hostile = [
    '',
    'x',
    '../../etc/passwd',
    "' or 1=1 --",
    '__proto__',
    'x'.repeat(5000),
    `${'x'.repeat(42)}é`,
    7,
    null,
    ['x'.repeat(43)],
  ]
  for (const kid of hostile) t.notOk(await process.accepts(withKid(kid)))
  t.equal(looks, 0, 'a malformed kid is refused without a query')
  const began = performance.now()
  const forged = Array.from({ length: 1000 }, () => withKid(randomBytes(32).toString('base64url')))
  t.notOk((await Promise.all(forged.map((token) => process.accepts(token)))).some(Boolean))
  t.ok(looks <= 2 + (performance.now() - began) / 100, `${looks} looks`)
})

t.test('a token of a retired key is refused without a query', async (t) => {
  const site = await openSite(t)
  const process = await site.start()
  const token = process.issue()
  await process.db.write((handle) => handle.updateTable('signing_keys').set({ retired_at: START, private_key: null }).execute())
  await process.tick()
  process.ring.look = () => Promise.reject(new Error('asked'))
  t.equal(await process.ring.search(kidOf(token)), undefined)
  await t.rejects(process.ring.search(randomBytes(32).toString('base64url')), { message: 'asked' })
})

t.test('while the database does not answer, loaded keys stay in use, and an unknown kid is unavailable, not invalid', async (t) => {
  const site = await openSite(t)
  const [process, other] = [await site.start(), await site.start({ JWT_ALGORITHM: 'EdDSA' })]
  const unseen = other.issue()
  process.ring.look = () => Promise.reject(new DatabaseUnavailable('gone'))
  t.ok(await process.accepts(process.issue()))
  await t.rejects(process.tokens.verify(unseen), new DatabaseUnavailable('gone'))
})

t.test('when two look-ups of the keys end in the wrong order, the older answer is dropped', async (t) => {
  const site = await openSite(t)
  const context = await site.context()
  const { kid } = await rotateKeys(context)
  const all = { rows: await listSigningKeys(context.db.read) }
  const answers: ((result: unknown) => void)[] = []
  const read = slowly(context.db.read, () => new Promise((resolve) => answers.push(resolve)))
  const ring = new DatabaseKeyRing({ ...context, db: { ...context.db, read } }, { onError: () => {} })
  const [first, second] = [ring.look(), ring.look()]
  answers[1]?.(all)
  await second
  answers[0]?.({ rows: [] })
  await first
  t.ok(ring.find(kid))
})

/** A handle whose queries are answered by hand. */
function slowly(db: Handle, executeQuery: () => Promise<unknown>): Handle {
  const own: Record<string | symbol, unknown> = { executeQuery, getExecutor: () => ({ adapter: executeQuery }) }
  return new Proxy(db, {
    get(target, name: keyof Handle) {
      const value = own[name] ?? target[name]
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value
    },
  })
}

t.test('a key that cannot be read is reported once, and the other keys stay in use', async (t) => {
  const site = await openSite(t)
  const process = await site.start()
  const token = process.issue()
  const [row] = await listSigningKeys(process.db.read)
  const broken = { ...row, kid: 'broken', public_key: 'hunter2', private_key: '-----hunter2' }
  await process.db.write((handle) =>
    handle
      .insertInto('signing_keys')
      .values(broken as never)
      .execute(),
  )
  await process.tick()
  await process.tick()
  t.match(process.errors, [{ message: /^signing key broken of the database cannot be read/ }])
  t.equal(process.errors.length, 1)
  t.ok(await process.accepts(token))
  t.equal(kidOf(process.issue()), kidOf(token))
})
