import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { loadConfig } from '../../../config.ts'
import type { Database } from '../../../db/database.ts'
import { openDatabase } from '../../../db/open.ts'
import { kindOf } from '../../../db/password-hashes.ts'
import { countPasswords, countReplaced } from '../../../db/password-kinds.ts'
import { KeyedHash } from '../../../domain/keyed-hash.ts'
import { Decoys } from '../../../domain/passwords/decoys.ts'
import { decoyOfKind } from '../../../domain/passwords/formats.ts'
import { Hashing } from '../../../domain/passwords/hashing.ts'
import { databaseUrl } from '../../databases.ts'

const config = loadConfig({ ARGON2_MEMORY_KIB: '1024', ARGON2_ITERATIONS: '1' })
const NAMES = Array.from({ length: 2000 }, (_, index) => `nobody-${index}`)
const OLD = 'pbkdf2_sha256$260000'
const NEW = 'pbkdf2_sha256$870000'
/** A key for which what these tests see of 2000 names holds, as it does for nearly any. */
const KEY = Buffer.alloc(32, 7)

const textOf = (kind: string) => decoyOfKind(kind) as string

async function open(t: Test, { key = KEY } = {}) {
  const db = await openDatabase(await databaseUrl(t))
  t.teardown(() => db.close())
  const hashing = new Hashing({ config, clock: () => 0 })
  const decoys = new Decoys({ db, hashing, keyedHash: new KeyedHash(key) })
  const kindsNow = async () => {
    await decoys.look()
    return NAMES.map((name) => kindOf(decoys.of(name)) as string)
  }
  return { db, hashing, decoys, kindsNow, own: hashing.kind }
}

/** Adds so many users of a kind, with ids from `from` on. */
function add(db: Database, kind: string, users: number, from = 0): Promise<void> {
  const to = textOf(kind)
  return db.write((handle) =>
    countPasswords(
      handle,
      Array.from({ length: users }, (_, index) => ({ userId: from + index, to })),
    ),
  )
}

/** Gives the users with these ids a hash of another kind, as their next login does. */
function move(db: Database, from: string, to: string, userIds: readonly number[]): Promise<void> {
  return db.write(async (handle) => {
    for (const userId of userIds) await countReplaced(handle, userId, textOf(from), textOf(to))
  })
}

/** The part of names that have each kind. */
function parts(kinds: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const kind of kinds) counts[kind] = (counts[kind] ?? 0) + 1 / kinds.length
  return counts
}

const near = (actual: number | undefined, expected: number) => Math.abs((actual ?? 0) - expected) < 0.04

t.test('without users, and with users of today alone, every unknown name has the kind of today', async (t) => {
  const { db, kindsNow, own } = await open(t)
  t.strictSame(parts(await kindsNow()), parts(NAMES.map(() => own)))
  await add(db, own, 50)
  t.strictSame(parts(await kindsNow()), parts(NAMES.map(() => own)))
})

t.test('unknown names have the kinds of users in their proportion, over imports, logins and deletions', async (t) => {
  const { db, kindsNow, own } = await open(t)
  await add(db, OLD, 300)
  await add(db, NEW, 300, 300)
  await add(db, own, 400, 600)
  const holds = async (old: number, newer: number) => {
    const seen = parts(await kindsNow())
    t.ok(near(seen[OLD], old) && near(seen[NEW], newer) && near(seen[own], 1 - old - newer), JSON.stringify(seen))
  }
  await holds(0.3, 0.3)
  const ids = Array.from({ length: 200 }, (_, index) => index)
  await move(db, OLD, own, ids)
  await holds(0.1, 0.3)
  await db.write((handle) =>
    countPasswords(
      handle,
      ids.map((userId) => ({ userId, from: textOf(own) })),
    ),
  )
  await holds(0.125, 0.375)
  await db.write((handle) =>
    countPasswords(
      handle,
      Array.from({ length: 400 }, (_, index) => ({ userId: 600 + index, from: textOf(own) })),
    ),
  )
  await holds(0.25, 0.75)
})

t.test('a name has the same kind each time, in each process on the database, and in each Unicode form', async (t) => {
  const { db, decoys, hashing, own } = await open(t)
  await add(db, OLD, 100)
  await add(db, own, 100, 100)
  const other = new Decoys({ db, hashing, keyedHash: new KeyedHash(KEY) })
  await Promise.all([decoys.look(), other.look()])
  for (const name of NAMES.slice(0, 100)) {
    const accented = `caf\u00e9-${name}`
    const decoy = decoys.of(accented)
    t.strictSame(new Set(Array.from({ length: 10 }, () => decoys.of(accented))), new Set([decoy]))
    t.equal(decoys.of(accented.normalize('NFD')), decoy)
    t.equal(kindOf(other.of(accented)), kindOf(decoy))
  }
})

t.test('another key gives names other kinds', async (t) => {
  const one = await open(t)
  await add(one.db, OLD, 100)
  await add(one.db, one.own, 100, 100)
  const other = new Decoys({ db: one.db, hashing: one.hashing, keyedHash: new KeyedHash(randomBytes(32)) })
  await other.look()
  await one.decoys.look()
  const same = NAMES.filter((name) => kindOf(other.of(name)) === kindOf(one.decoys.of(name))).length
  t.ok(Math.abs(same / NAMES.length - 0.5) < 0.1, `${same}`)
})

t.test('while users log in and others register, a name only ever goes over to the kind of today, and never back', async (t) => {
  const { db, kindsNow, own } = await open(t)
  await add(db, OLD, 200)
  await add(db, NEW, 200, 200)
  await add(db, own, 20, 400)
  let before = await kindsNow()
  const steps = [
    () =>
      move(
        db,
        OLD,
        own,
        Array.from({ length: 150 }, (_, index) => index),
      ),
    () => add(db, own, 500, 420),
    () =>
      move(
        db,
        NEW,
        own,
        Array.from({ length: 150 }, (_, index) => 200 + index),
      ),
    () => add(db, own, 500, 920),
    () =>
      move(
        db,
        OLD,
        own,
        Array.from({ length: 50 }, (_, index) => 150 + index),
      ),
  ]
  for (const step of steps) {
    await step()
    const after = await kindsNow()
    const moved = after.filter((kind, index) => kind !== before[index])
    t.ok(moved.length > 0)
    t.strictSame(new Set(moved), new Set([own]))
    before = after
  }
  t.notOk(before.includes(OLD), 'no user has it any more')
})

t.test('a kind that is not understood, or that is too costly to compare with, is that of no name', async (t) => {
  const { db, kindsNow, own } = await open(t)
  const row = { part: 0, users: 1000, moved: 0 }
  const kinds = ['pbkdf2_sha256$5000001', 'argon2id$m=4194304,t=1,p=1', 'crypt', '']
  await db.write((handle) =>
    handle
      .insertInto('password_kinds')
      .values(kinds.map((kind) => ({ kind, ...row })))
      .execute(),
  )
  t.strictSame(parts(await kindsNow()), parts(NAMES.map(() => own)))
})
