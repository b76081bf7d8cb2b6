import { rmSync } from 'node:fs'
import SQLite from 'better-sqlite3'
import { Kysely, SqliteDialect } from 'kysely'
import { Migrator } from 'kysely/migration'
import t from 'tap'
import { migrations } from '../../../db/migrate.ts'
import type { SigningKeyRow } from '../../../db/schema.ts'
import { listSigningKeys } from '../../../db/signing-keys.ts'
import { rotateKeys } from '../../../domain/keys/commands.ts'
import { bytesOf, fileOf, notOnPostgres } from '../../databases.ts'
import { headerOf } from '../../helper.ts'
import { openSite, type Process, type Site } from './keys.ts'

const OLD = Buffer.alloc(32, 1).toString('base64')
const NEW = Buffer.alloc(32, 2).toString('base64')
const WRONG = Buffer.alloc(32, 3).toString('base64')
const old = { SECRETS_KEY: OLD }
const both = { SECRETS_KEY: NEW, SECRETS_KEY_PREVIOUS: OLD }
const fresh = { SECRETS_KEY: NEW }

const kidOf = (token: string) => headerOf(token).kid as string
const stored = (process: Process) => process.db.read.selectFrom('signing_keys').select('private_key').execute()
const isEncrypted = async (process: Process) => (await stored(process)).every(({ private_key: text }) => /^v1\./.test(text as string))

/** Whether all processes sign with the same key, and accept each other's tokens. */
async function agree(...processes: Process[]): Promise<boolean> {
  for (const process of processes) await process.tick()
  const tokens = processes.map((process) => process.issue())
  const accepted = await Promise.all(processes.flatMap((process) => tokens.map((token) => process.accepts(token))))
  return accepted.every(Boolean) && new Set(tokens.map(kidOf)).size === 1
}

t.test('with SECRETS_KEY the first signing key is stored encrypted, and so is the next one', async (t) => {
  const site = await openSite(t)
  const process = await site.start(old)
  await rotateKeys(process)
  t.ok(await isEncrypted(process))
  t.ok(await agree(process, await site.start(old)))
})

t.test('when SECRETS_KEY is set later, the stored keys are encrypted, and the file of SQLite holds no unencrypted copy', async (t) => {
  const site = await openSite(t)
  const before = await site.start()
  const token = before.issue()
  for (let i = 0; i < 3; i++) await rotateKeys(before)
  await before.db.close()
  const after = await site.start(old)
  t.ok(await isEncrypted(after))
  t.ok(await after.accepts(token))
  t.equal(kidOf(after.issue()), kidOf(token))
  await after.db.close()
  t.notMatch(bytesOf(site.url), /PRIVATE KEY/)
})

t.test('a new SECRETS_KEY, with the old one as SECRETS_KEY_PREVIOUS, encrypts the keys again, and then reads them alone', async (t) => {
  const site = await openSite(t)
  const token = (await site.start(old)).issue()
  for (const env of [both, fresh, fresh]) t.equal(kidOf((await site.start(env)).issue()), kidOf(token))
  await t.rejects(site.start(old), { message: /^SECRETS_KEY is not the key that/ })
})

t.test('processes with the old and the new settings can start at the same time, in any order, and use the same signing keys', async (t) => {
  for (const [first, second] of [
    [old, both],
    [both, old],
  ]) {
    const site = await openSite(t)
    await site.start(old)
    t.ok(await agree(...(await Promise.all([site.start(first), site.start(second), site.start(first), site.start(second)]))))
    t.ok(await agree(await site.start(first), await site.start(second)))
  }
})

t.test('while SECRETS_KEY is being changed, a signing key made with either setting is used by all processes', async (t) => {
  for (const maker of [old, both]) {
    const site = await openSite(t)
    const [one, two] = [await site.start(old), await site.start(both)]
    const { kid, signsFrom } = await rotateKeys(await site.context(maker))
    await two.tick()
    site.now = signsFrom
    t.ok(await agree(one, two))
    t.equal(kidOf(one.issue()), kid)
    t.equal(kidOf((await site.start(fresh)).issue()), kid, 'the old SECRETS_KEY is not needed any more')
  }
})

t.test('a start or command with a missing or wrong SECRETS_KEY fails with the name of the setting, and changes nothing', async (t) => {
  const site = await openSite(t)
  const process = await site.start(old)
  const before = await stored(process)
  const encrypted = 'the secrets of the database are encrypted'
  for (const [env, message] of [
    [{}, `SECRETS_KEY is not set, and ${encrypted}`],
    [{ SECRETS_KEY: WRONG }, `SECRETS_KEY is not the key that ${encrypted} with; the old one can be given as SECRETS_KEY_PREVIOUS`],
    [
      { SECRETS_KEY: WRONG, SECRETS_KEY_PREVIOUS: NEW },
      `SECRETS_KEY is not the key that ${encrypted} with, and SECRETS_KEY_PREVIOUS is not it either`,
    ],
  ] as const) {
    await t.rejects(site.start(env), { message })
    await t.rejects(rotateKeys(await site.context(env)), { message })
  }
  t.same(await stored(process), before)
})

t.test('the error for a signing key that was damaged or moved to another row names its kid, and shows no part of the key', async (t) => {
  const site = await openSite(t)
  const process = await site.start(old)
  await rotateKeys(process)
  const [one, two] = await stored(process)
  await process.db.write((handle) =>
    handle
      .updateTable('signing_keys')
      .set({ private_key: two?.private_key as string })
      .execute(),
  )
  await t.rejects(site.start(old), { message: /^signing key [\w-]{43} of the database cannot be read: its encryption is damaged/ })
  await process.db.write((handle) =>
    handle
      .updateTable('signing_keys')
      .set({ private_key: `${one?.private_key}A` })
      .execute(),
  )
  await t.rejects(site.start(old), { message: /^signing key [\w-]{43} of the database cannot be read: its encryption is damaged/ })
})

/** One process was started before SECRETS_KEY was first set, and has read the next key then; another with it makes the one after that. */
async function halfWay(site: Site) {
  const day = { ACCESS_TOKEN_TTL: '86400' }
  const [without, withKey] = [await site.start(day), await site.start({ ...day, ...old })]
  const known = await rotateKeys(withKey)
  site.now = known.signsFrom
  for (const process of [withKey, without]) await process.tick()
  const first = kidOf(without.issue())
  const next = await rotateKeys(withKey)
  for (const process of [withKey, without]) await process.tick()
  site.now = next.signsFrom
  t.equal(first, known.kid)
  return { without, withKey, next: next.kid, first }
}

t.test('a process that cannot decrypt the next key keeps signing with the one it has, which is not deleted meanwhile', async (t) => {
  const site = await openSite(t)
  const { without, withKey, first, next } = await halfWay(site)
  for (let day = 0; day < 5; day++) {
    for (const process of [without, withKey]) await process.tick()
    t.equal(kidOf(without.issue()), first)
    t.equal(kidOf(withKey.issue()), next)
    t.ok(await without.accepts(withKey.issue()))
    t.ok(await withKey.accepts(without.issue()))
    site.now += 86_400_000
  }
})

t.test('a process goes on verifying with a key that it cannot sign with when the stored one is damaged', async (t) => {
  const site = await openSite(t)
  const { without, withKey, next } = await halfWay(site)
  await without.tick()
  await withKey.tick()
  const token = withKey.issue()
  t.equal(kidOf(token), next)
  t.ok(await without.accepts(token))
  await without.db.write((handle) => handle.updateTable('signing_keys').set({ private_key: 'damaged' }).where('kid', '=', next).execute())
  await without.ring.look()
  t.match(without.errors.at(-1), { message: new RegExp(`^signing key ${next} of the database cannot be read: `) })
  t.ok(await without.accepts(token))
})

t.test('a process that can decrypt none of the signing keys makes one of its own, once', async (t) => {
  const site = await openSite(t)
  const { without, withKey, first } = await halfWay(site)
  const { created_at } = (await listSigningKeys(without.db.read)).find(({ kid }) => kid === first) as SigningKeyRow
  await without.db.write((handle) =>
    handle
      .updateTable('signing_keys')
      .set({ retired_at: site.now, private_key: null })
      .where('use', '=', 'access')
      .where('created_at', '<=', created_at)
      .execute(),
  )
  for (let i = 0; i < 3; i++) for (const process of [without, withKey]) await process.tick()
  t.ok(await withKey.accepts(without.issue()))
  const { length } = await stored(without)
  for (let i = 0; i < 3; i++) for (const process of [without, withKey]) await process.tick()
  t.equal((await stored(without)).length, length)
})

const BEFORE = { skip: notOnPostgres('keys were rotated before it was there') }

t.test(
  'a database from before keys were rotated keeps its signing key, and verifies with the one of another algorithm',
  BEFORE,
  async (t) => {
    const source = await openSite(t)
    const process = await source.start()
    const [es256, eddsa] = [process.issue(), (await source.start({ JWT_ALGORITHM: 'EdDSA' })).issue()]
    const keys = await process.db.read
      .selectFrom('signing_keys')
      .select(['kid', 'algorithm', 'private_key', 'created_at'])
      .where('kid', 'in', [es256, eddsa].map(kidOf))
      .execute()

    const site = await openSite(t)
    await makeAsBefore(fileOf(site.url), keys)
    const after = await site.start(old)
    t.ok(await after.accepts(es256))
    t.ok(await after.accepts(eddsa))
    t.equal(kidOf(after.issue()), kidOf(es256))
    t.ok(await isEncrypted(after))
    site.now += 86_400_000
    await after.tick()
    for (const token of [es256, eddsa]) t.ok(after.ring.publicJwks.some(({ kid }) => kid === kidOf(token)))
  },
)

/** Makes a file anew, as a database of the first two migrations with these keys. */
async function makeAsBefore(file: string, keys: readonly object[]): Promise<void> {
  rmSync(file)
  const db = new Kysely<{ signing_keys: object }>({ dialect: new SqliteDialect({ database: new SQLite(file) }) })
  const first = Object.fromEntries(Object.entries(migrations).filter(([name]) => name < '003'))
  await new Migrator({ db, provider: { getMigrations: async () => first } }).migrateToLatest()
  for (const key of keys) await db.insertInto('signing_keys').values(key).execute()
  await db.destroy()
}
