import t, { type Test } from 'tap'
import type { Database } from '../../db/database.ts'
import { openDatabase } from '../../db/open.ts'
import { countPasswords, listPasswordKinds } from '../../db/password-kinds.ts'
import { deleteUser, insertNewUser, insertUser, replacePasswordHash, setPasswordHash } from '../../db/users.ts'
import { databaseUrl } from '../databases.ts'

const OURS = `$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$${'A'.repeat(43)}`
const FOREIGN = `pbkdf2_sha256$870000$salt$${'A'.repeat(43)}=`

async function open(t: Test): Promise<Database> {
  const db = await openDatabase(await databaseUrl(t))
  t.teardown(() => db.close())
  return db
}

const user = (username: string, password: string) => ({ username, username_key: username, password, created_at: 1 })

/** The counts by kind, sorted. */
async function counts({ read }: Database): Promise<[kind: string, users: number, moved: number][]> {
  return (await listPasswordKinds(read)).map(({ kind, users, moved }) => [kind, users, moved] as [string, number, number]).sort()
}

t.test('users are counted by the kind of their hash, however it is written, and who has none that is understood is not', async (t) => {
  const db = await open(t)
  const [alice, bob] = await db.write(async (handle) => {
    const ids = [await insertUser(handle, user('alice', FOREIGN)), await insertNewUser(handle, user('bob', FOREIGN))] as const
    await insertUser(handle, user('carol', OURS))
    for (const password of ['!', '-']) await insertUser(handle, user(password, password))
    t.equal(await insertNewUser(handle, user('bob', OURS)), undefined)
    return ids
  })
  t.strictSame(await counts(db), [
    ['argon2id$m=19456,t=2,p=1', 1, 0],
    ['pbkdf2_sha256$870000', 2, 0],
  ])

  await db.write(async (handle) => {
    await replacePasswordHash(handle, alice, FOREIGN, OURS)
    await replacePasswordHash(handle, alice, FOREIGN, OURS)
    await setPasswordHash(handle, bob as number, OURS, 2)
    await setPasswordHash(handle, bob as number, OURS.replace('A$', 'Q$'), 2)
    await setPasswordHash(handle, 99, OURS, 2)
  })
  t.strictSame(await counts(db), [
    ['argon2id$m=19456,t=2,p=1', 3, 0],
    ['pbkdf2_sha256$870000', 0, 2],
  ])

  await db.write(async (handle) => {
    for (const id of [alice, alice, 99]) await deleteUser(handle, id, 5000)
  })
  t.strictSame(await counts(db), [
    ['argon2id$m=19456,t=2,p=1', 2, 0],
    ['pbkdf2_sha256$870000', 0, 2],
  ])
})

t.test('many users are counted at once, and what changes its kind for another system has not moved', async (t) => {
  const db = await open(t)
  const ids = Array.from({ length: 100 }, (_, index) => index + 1)
  await db.write((handle) =>
    countPasswords(
      handle,
      ids.map((userId) => ({ userId, to: FOREIGN })),
    ),
  )
  await db.write((handle) =>
    countPasswords(handle, [
      { userId: 1, from: FOREIGN, to: FOREIGN.replace('870000', '1000000') },
      { userId: 2, from: FOREIGN, to: FOREIGN.replace('salt', 'other') },
      { userId: 3, from: FOREIGN, to: '!' },
      { userId: 4, from: FOREIGN },
      { userId: 5 },
    ]),
  )
  t.strictSame(await counts(db), [
    ['pbkdf2_sha256$1000000', 1, 0],
    ['pbkdf2_sha256$870000', 97, 0],
  ])
})

t.test('a count is never below 0, whatever is taken away', async (t) => {
  const db = await open(t)
  await db.write((handle) => countPasswords(handle, [{ userId: 1, from: FOREIGN }]))
  t.strictSame(await counts(db), [])
  await db.write((handle) => countPasswords(handle, [{ userId: 1, to: FOREIGN }]))
  await db.write((handle) =>
    countPasswords(
      handle,
      [1, 17, 33].map((userId) => ({ userId, from: FOREIGN })),
    ),
  )
  t.strictSame(await counts(db), [['pbkdf2_sha256$870000', 0, 0]])
})

t.test('jobs side by side that count the same kinds in opposite orders all count', async (t) => {
  const db = await open(t)
  const ids = Array.from({ length: 32 }, (_, index) => index)
  const users = Array.from({ length: 10 }, () => ids.flatMap((userId) => [OURS, FOREIGN].map((to) => ({ userId, to })))).flat()
  await db.write((handle) => countPasswords(handle, users))
  const before = await counts(db)
  const changes = ids.map((userId) => (userId % 2 ? { userId, from: OURS, to: FOREIGN } : { userId, from: FOREIGN, to: OURS }))
  const all = [changes, changes.toReversed(), ...changes.map((change) => [change])]
  await Promise.all(all.map((some) => db.write((handle) => countPasswords(handle, some))))
  t.strictSame(await counts(db), before)
  t.strictSame(
    before.map(([, users]) => users),
    [320, 320],
  )
})
