import { createHash } from 'node:crypto'
import { hash } from '@node-rs/argon2'
import { hash as hashBcrypt } from '@node-rs/bcrypt'
import t from 'tap'
import { judgeHash } from '../../db/password-hashes.ts'
import { listPasswordKinds } from '../../db/password-kinds.ts'
import type { User } from '../../db/schema.ts'
import { insertUser } from '../../db/users.ts'
import { fold } from '../../domain/text.ts'
import { UNUSABLE, type Vector, vectors } from '../domain/passwords/vectors.ts'
import { build, logIn, PASSWORD, post, register, type TestApp } from '../helper.ts'
import { answerOf, noAccount, OBTAIN } from '../wire/wire.ts'
import { bearer, CHANGE } from './me.ts'

const A = (length: number) => 'A'.repeat(length)

/** Adds a user as an import does. */
async function addImported(app: TestApp, username: string, password: string): Promise<number> {
  const imported_hash_md5 = createHash('md5').update(password).digest('hex').toUpperCase()
  return app.db.write(async (handle) => {
    const id = await insertUser(handle, { username, username_key: fold(username), password, created_at: 1 })
    await handle.updateTable('users').set({ imported_at: 5, changed_at: 5, imported_hash_md5 }).where('id', '=', id).execute()
    return id
  })
}

async function userNamed(app: TestApp, username: string): Promise<User> {
  return app.db.read.selectFrom('users').selectAll().where('username', '=', username).executeTakeFirstOrThrow()
}

async function countsOf({ db }: TestApp): Promise<Record<string, number>> {
  const kinds = await listPasswordKinds(db.read)
  return Object.fromEntries(kinds.map(({ kind, users }) => [kind, users]).filter(([, users]) => users))
}

/** The stored texts that passwords were compared with while `work` was done. */
async function comparedWith({ hashing }: TestApp, work: () => Promise<unknown>): Promise<string[]> {
  const { matches } = hashing
  const compared: string[] = []
  hashing.matches = (origin, stored, password) => {
    compared.push(stored)
    return matches.call(hashing, origin, stored, password)
  }
  await work()
  hashing.matches = matches
  return compared
}

const CHEAP = 'pbkdf2_sha256$1000$kL3vNq8sTz1XwBy5RmCd7e$Q6uYfFO7bu+ZFUgf6jVZHQtWNOxU3OSrrlqV16R/iIk='
const CHEAP_PASSWORD = 'pa\u0308sswo\u0308rd'

const HOSTILE = [
  `pbkdf2_sha256$2000000000$salt$${A(43)}=`,
  `scrypt$1048576$salt$64$8$${A(86)}==`,
  `scrypt$16384$salt$8$500$${A(86)}==`,
  `argon2$argon2id$v=19$m=4194304,t=100,p=1$c2FsdHNhbHQ$${A(43)}`,
  `$argon2id$v=19$m=4194304,t=100,p=1$c2FsdHNhbHQ$${A(43)}`,
  `bcrypt$$2b$31$${A(53)}`,
]

const { bcrypt, ...others } = vectors

for (const [name, { password, stored, wrong }] of Object.entries(others)) {
  t.test(`a user with a hash of Django logs in, and has one of ours from then on: ${name}`, async (t) => {
    const app = await build(t)
    await addImported(app, 'alice', stored)
    const before = await userNamed(app, 'alice')
    t.strictSame(answerOf(await post(app, OBTAIN, { username: 'alice', password: `${wrong[0]}!` })), noAccount)
    t.strictSame(await userNamed(app, 'alice'), before)

    const answer = await post(app, OBTAIN, { username: 'alice', password })
    t.strictSame([answer.statusCode, Object.keys(answer.json())], [200, ['refresh', 'access']])
    const after = await userNamed(app, 'alice')
    const { password: ours } = after
    t.strictSame(judgeHash(ours), { kind: app.hashing.kind })
    t.strictSame(after, { ...before, password: ours, last_login_at: app.clock() }, 'nothing else has changed')
    t.strictSame(await countsOf(app), { [app.hashing.kind]: 1 })

    await logIn(app, 'alice', password)
    t.equal((await userNamed(app, 'alice')).password, ours, 'the second login leaves it')
    t.strictSame(answerOf(await post(app, OBTAIN, { username: 'alice', password: `${wrong[0]}!` })), noAccount)
  })
}

t.test(
  'a bcrypt hash stays while passwords are typed of which it has taken the first 72 bytes alone, and no typing error replaces it',
  async (t) => {
    const app = await build(t)
    const { password, stored } = bcrypt as Vector
    await addImported(app, 'alice', stored)
    for (const typed of [`${password}x`, password, '\u00e9'.repeat(36)]) {
      await logIn(app, 'alice', typed)
      t.equal((await userNamed(app, 'alice')).password, stored, `${typed.length}`)
    }
    t.strictSame(answerOf(await post(app, OBTAIN, { username: 'alice', password: '\u00e9'.repeat(35) })), noAccount)
  },
)

t.test(
  'a bcrypt hash of a password of less than 72 bytes is replaced at the login, and so is one that took the SHA-256 of a longer one',
  async (t) => {
    const app = await build(t)
    const short = 'x'.repeat(71)
    const long = 'x'.repeat(100)
    await addImported(app, 'short', `bcrypt$${await hashBcrypt(short, 4)}`)
    await addImported(app, 'long', `bcrypt_sha256$${await hashBcrypt(createHash('sha256').update(long).digest('hex'), 4)}`)
    for (const [username, password] of Object.entries({ short, long })) {
      t.strictSame(answerOf(await post(app, OBTAIN, { username, password: `${password}x` })), noAccount)
      await logIn(app, username, password)
      t.strictSame(judgeHash((await userNamed(app, username)).password), { kind: app.hashing.kind })
    }
  },
)

t.test('kinds are counted over registration, logins, changes and deletion', async (t) => {
  const app = await build(t)
  const own = app.hashing.kind
  await register(app, 'root')
  await addImported(app, 'alice', CHEAP)
  await addImported(app, 'bob', CHEAP)
  await addImported(app, 'carol', UNUSABLE)
  t.strictSame(await countsOf(app), { [own]: 1, pbkdf2_sha256$1000: 2 })
  const alice = await logIn(app, 'alice', CHEAP_PASSWORD)
  t.strictSame(await countsOf(app), { [own]: 2, pbkdf2_sha256$1000: 1 })
  const change = { current_password: CHEAP_PASSWORD, new_password: PASSWORD }
  t.equal((await post(app, CHANGE, change, bearer(alice.access))).statusCode, 200)
  t.strictSame(await countsOf(app), { [own]: 2, pbkdf2_sha256$1000: 1 })

  await app.db.write((handle) => handle.updateTable('users').set({ is_staff: 1, is_superuser: 1 }).where('username', '=', 'root').execute())
  const root = bearer((await logIn(app, 'root')).access)
  for (const username of ['bob', 'carol']) {
    const { id } = await userNamed(app, username)
    const body = { current_password: PASSWORD, new_password: 'another horse battery' }
    t.equal((await post(app, `/api/users/${id}/password/`, body, root)).statusCode, 200)
  }
  t.strictSame(await countsOf(app), { [own]: 4 })
  const { id } = await userNamed(app, 'bob')
  t.equal((await post(app, `/api/users/${id}/delete/`, { current_password: PASSWORD }, root)).statusCode, 200)
  t.strictSame(await countsOf(app), { [own]: 3 })
})

t.test('a hash of another system is compared trimmed, too, and stays until its password is typed as it is', async (t) => {
  const app = await build(t)
  const stored = `argon2${await hash('pass word one', { memoryCost: 64, timeCost: 1, parallelism: 1 })}`
  await addImported(app, 'alice', stored)
  for (const password of ['pass word one ', '\u3000\tpass word one\n', 'pass word one ']) {
    await logIn(app, 'alice', password)
    t.equal((await userNamed(app, 'alice')).password, stored)
  }
  await logIn(app, 'alice', 'pass word one')
  t.strictSame(judgeHash((await userNamed(app, 'alice')).password), { kind: app.hashing.kind })
  t.strictSame(answerOf(await post(app, OBTAIN, { username: 'alice', password: 'pass word one ' })), noAccount, 'as one of ours')
})

t.test('a hash of another system is right in other Unicode forms, and the new one is of the form that was right', async (t) => {
  const app = await build(t)
  await addImported(app, 'alice', CHEAP)
  await logIn(app, 'alice', CHEAP_PASSWORD.normalize('NFC'))
  t.strictSame(judgeHash((await userNamed(app, 'alice')).password), { kind: app.hashing.kind })
  for (const form of ['NFC', 'NFD']) await logIn(app, 'alice', CHEAP_PASSWORD.normalize(form))
})

t.test(
  'a wrong password is compared as often, and with a hash of the same kind, for a name that is no user or has no password',
  async (t) => {
    const app = await build(t)
    await addImported(app, 'alice', CHEAP)
    for (const [username, stored] of Object.entries({
      disabled: CHEAP,
      unusable: UNUSABLE,
      costly: HOSTILE[0] as string,
      other: 'md5$a$b',
    })) {
      await addImported(app, username, stored)
    }
    await app.db.write((handle) => handle.updateTable('users').set({ is_active: 0 }).where('username', '=', 'disabled').execute())
    await app.decoys.look()
    for (const [password, count] of [
      ['wrong horse battery', 1],
      ['wrong horse battery ', 2],
      ['wrong caf\u00e9', 2],
      [' wrong caf\u00e9', 4],
      [' wrong caf\u00e9 cafe\u0301\t', 6],
      [' ', 1],
    ] as const) {
      for (const username of ['alice', 'disabled', 'unusable', 'costly', 'other', 'nobody']) {
        const compared = await comparedWith(app, async () => {
          t.strictSame(answerOf(await post(app, OBTAIN, { username, password })), noAccount)
        })
        t.strictSame(
          compared.map((stored) => judgeHash(stored).kind),
          Array(count).fill('pbkdf2_sha256$1000'),
          `${username}, ${password}`,
        )
      }
    }
  },
)

t.test('nothing is compared with an imported hash that is too costly, unusable or unknown, but with what an unknown name is', async (t) => {
  const app = await build(t)
  await register(app, 'someone')
  const others = [UNUSABLE, '', 'md5$salt$5f4dcc3b5aa765d61d8327deb882cf99', '5f4dcc3b5aa765d61d8327deb882cf99', `${A(300)}`]
  for (const [index, stored] of [...HOSTILE, ...others].entries()) {
    await addImported(app, `user-${index}`, stored)
    const compared = await comparedWith(app, async () => {
      for (const password of ['correct horse', stored.slice(0, 500)]) {
        const answer = await post(app, OBTAIN, { username: `user-${index}`, password: password || 'x' })
        t.strictSame(answerOf(answer), noAccount, stored)
      }
    })
    t.strictSame(compared, [app.hashing.decoy, app.hashing.decoy], stored)
  }
})

t.test('a costly hash that was made here is compared all the same', async (t) => {
  const app = await build(t, { ARGON2_ITERATIONS: '1' })
  // 1024 KiB, which 1025 passes make costlier than an import may be.
  const costly = await hash(PASSWORD, { memoryCost: 1024, timeCost: 1025, parallelism: 1 })
  t.strictSame(judgeHash(costly), { remark: 'hash_too_costly' })
  await app.db.write((handle) => insertUser(handle, { username: 'alice', username_key: 'alice', password: costly, created_at: 1 }))
  await addImported(app, 'bob', costly)
  await logIn(app, 'alice')
  t.strictSame(answerOf(await post(app, OBTAIN, { username: 'bob', password: PASSWORD })), noAccount)
})

t.test('a hash that needs more memory than HASHING_MEMORY_MIB by itself is right for no password', async (t) => {
  const app = await build(t, { HASHING_MEMORY_MIB: '1' })
  const stored = async (memoryCost: number) => `argon2${await hash(PASSWORD, { memoryCost, timeCost: 1, parallelism: 1 })}`
  await addImported(app, 'small', await stored(1024))
  await addImported(app, 'large', await stored(1025))
  await logIn(app, 'small')
  const compared = await comparedWith(app, async () => {
    t.strictSame(answerOf(await post(app, OBTAIN, { username: 'large', password: PASSWORD })), noAccount)
  })
  t.strictSame(compared, [app.hashing.decoy])
})
