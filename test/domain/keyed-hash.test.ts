import t, { type Test } from 'tap'
import { loadConfig } from '../../config.ts'
import type { Database } from '../../db/database.ts'
import { openDatabase } from '../../db/open.ts'
import { deleteSecret, insertSecret, replaceSecret } from '../../db/secrets.ts'
import { systemClock } from '../../domain/clock.ts'
import { hashOfName, openKeyedHash } from '../../domain/keyed-hash.ts'
import { retireAllKeys } from '../../domain/keys/commands.ts'
import { Secrets } from '../../domain/keys/secrets.ts'
import { bytesOf, databaseUrl } from '../databases.ts'
import { build } from '../helper.ts'

const OLD = Buffer.alloc(32, 1).toString('base64')
const NEW = Buffer.alloc(32, 2).toString('base64')
const old = { SECRETS_KEY: OLD }
const both = { SECRETS_KEY: NEW, SECRETS_KEY_PREVIOUS: OLD }
const fresh = { SECRETS_KEY: NEW }

/** Processes on one database, each with settings of its own. */
async function site(t: Test) {
  const url = await databaseUrl(t)
  const databases: Database[] = []
  const close = async () => void (await Promise.all(databases.splice(0).map((db) => db.close())))
  t.teardown(close)
  const core = async (env: Record<string, string> = {}) => {
    const config = loadConfig({ DATABASE_URL: url, ...env })
    const db = await openDatabase(config.databaseUrl)
    databases.push(db)
    return { db, config, ...systemClock(), secrets: new Secrets(config) }
  }
  const hashWith = async (env?: Record<string, string>) => (await openKeyedHash(await core(env))).hash('alice')
  return { url, core, close, hashWith }
}

t.test('a text has one hash of 128 bits in all processes on a database, and another one on another database', async (t) => {
  const { core, hashWith } = await site(t)
  const first = await hashWith()
  t.match(first, /^[\w-]{22}$/)
  t.equal(await hashWith(), first)
  t.not(await (await site(t)).hashWith(), first)
  t.not((await openKeyedHash(await core())).hash('Alice'), first)
})

t.test('processes that start together on a new database hash alike', async (t) => {
  const { core } = await site(t)
  const cores = [await core(), await core(), await core()]
  const hashes = await Promise.all(cores.map(async (one) => (await openKeyedHash(one)).hash('alice')))
  t.equal(new Set(hashes).size, 1)
})

t.test(
  'with SECRETS_KEY the key of hashes is stored encrypted, also when it is set later, and the file of SQLite holds no plain copy',
  async (t) => {
    const { url, core, close, hashWith } = await site(t)
    const first = await hashWith()
    const { db } = await core()
    const stored = () => db.read.selectFrom('secrets').selectAll().executeTakeFirstOrThrow()
    const { value } = await stored()
    t.match(value, /^[\w-]{43}$/)
    t.equal(await hashWith(old), first)
    t.match(await stored(), { name: 'keyed-hash', value: /^v1\.\S+$/ })
    await close()
    t.notOk(bytesOf(url).includes(value))
  },
)

t.test('a change of SECRETS_KEY keeps the hashes: the key is encrypted with both, and then with the new one alone', async (t) => {
  const { hashWith } = await site(t)
  const first = await hashWith(old)
  for (const env of [both, old, both, fresh, fresh]) t.equal(await hashWith(env), first)
  await t.rejects(hashWith(old), { message: /^SECRETS_KEY is not the key that the secrets of the database are encrypted with/ })
})

t.test('where SECRETS_KEY is missing or wrong, no hash is made, and nothing is changed', async (t) => {
  const { core, hashWith } = await site(t)
  const first = await hashWith(old)
  await t.rejects(hashWith(), { message: 'SECRETS_KEY is not set, and the secrets of the database are encrypted' })
  await t.rejects(hashWith(fresh), { message: /^SECRETS_KEY is not the key/ })
  t.equal(await hashWith(old), first)
  const one = await core(old)
  await one.db.write((handle) => handle.updateTable('secrets').set({ value: 'short' }).execute())
  await t.rejects(hashWith(old), { message: 'the key of hashes of the database cannot be read: it is no key' })
})

t.test('where SECRETS_KEY was lost, retiring all keys lets another key of hashes be made; where it is known, the key stays', async (t) => {
  const { core, hashWith } = await site(t)
  const first = await hashWith(old)
  await retireAllKeys(await core(old))
  t.equal(await hashWith(old), first)
  await retireAllKeys(await core(fresh))
  t.not(await hashWith(fresh), first)
})

t.test('with SECRETS_KEY the key of hashes is never stored in plain, not even at first', async (t) => {
  const { core } = await site(t)
  const { db, secrets } = await core(old)
  const stored: unknown[] = []
  const write: Database['write'] = async (job, options) => {
    const result = await db.write(job, options)
    stored.push(...(await db.read.selectFrom('secrets').select('value').execute()))
    return result
  }
  await openKeyedHash({ db: { ...db, read: db.read, write }, secrets })
  t.match(stored, [{ value: /^v1\.\S+$/ }])
})

t.test('a key of hashes that was damaged is not deleted when all keys are retired', async (t) => {
  const { core } = await site(t)
  const one = await core(old)
  await openKeyedHash(one)
  await one.db.write((handle) => handle.updateTable('secrets').set({ value: 'v1.damaged' }).execute())
  await t.rejects(retireAllKeys(one))
  t.match(await one.db.read.selectFrom('secrets').select('value').execute(), [{ value: 'v1.damaged' }])
})

t.test('another process may have changed the key of hashes since it was read: then it is neither replaced nor deleted', async (t) => {
  const { db } = await (await site(t)).core()
  await db.write(async (handle) => {
    await insertSecret(handle, 'keyed-hash', 'of another process')
    await replaceSecret(handle, 'keyed-hash', 'as it was read', 'encrypted again')
    await deleteSecret(handle, 'keyed-hash', 'as it was read')
  })
  t.match(await db.read.selectFrom('secrets').select('value').execute(), [{ value: 'of another process' }])
})

t.test('the hash of a name is that of no other text: nobody finds a tally by a name that looks like its key', async (t) => {
  const keyedHash = await openKeyedHash(await (await site(t)).core())
  const key = JSON.stringify(['account', 'alice'])
  t.not(hashOfName(keyedHash, key), keyedHash.hash(key))
  t.equal(hashOfName(keyedHash, 'zoe\u0308'), hashOfName(keyedHash, 'zo\u00eb'), 'a name is one in all its Unicode forms')
})

t.test('the service hashes with the key of its database', async (t) => {
  const app = await build(t)
  t.equal(app.keyedHash.hash('alice'), (await openKeyedHash(app)).hash('alice'))
})
