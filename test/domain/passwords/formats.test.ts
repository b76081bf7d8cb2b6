// Not on PostgreSQL: it uses no database.
import { hash as hashArgon2 } from '@node-rs/argon2'
import { hash as hashBcrypt } from '@node-rs/bcrypt'
import t from 'tap'
import { judgeHash, type PasswordHash, readHash } from '../../../db/password-hashes.ts'
import { decoyOfKind, verifyHash } from '../../../domain/passwords/formats.ts'
import { vectors } from './vectors.ts'

const verify = (stored: string, password: string) => verifyHash(readHash(stored) as PasswordHash, password)

for (const [name, { password, stored, wrong }] of Object.entries(vectors)) {
  t.test(`a hash that Django made is that of its password, and of no other: ${name}`, async (t) => {
    t.equal(await verify(stored, password), true)
    for (const other of wrong) t.equal(await verify(stored, other), false, JSON.stringify(other))
  })
}

t.test('bcrypt takes the first 72 bytes of a password, wherever they end, and a NUL like any other', async (t) => {
  const at = (bytes: number) => hashBcrypt(Buffer.from('\u00e9'.repeat(40)).subarray(0, bytes), 4)
  for (const count of [36, 37, 40, 1000]) t.equal(await verify(await at(72), '\u00e9'.repeat(count)), true)
  t.equal(await verify(await at(70), '\u00e9'.repeat(36)), false)
  const withNul = (await hashBcrypt(Buffer.from('a\0b'), 4)).replace(/^\$2[aby]/, '$2b')
  for (const stored of [withNul, `bcrypt$${withNul}`]) {
    t.equal(await verify(stored, 'a\0b'), true)
    for (const other of ['a\0c', 'a', 'a\0']) t.equal(await verify(stored, other), false, JSON.stringify(other))
  }
})

t.test('every version of bcrypt and of argon2 is compared, with Django and without', async (t) => {
  const bcrypt = (await hashBcrypt('correct horse', 4)).slice(3)
  for (const start of ['$2a', '$2b', '$2y', 'bcrypt$$2a', 'bcrypt$$2b', 'bcrypt$$2y']) {
    t.equal(await verify(`${start}${bcrypt}`, 'correct horse'), true, start)
    t.equal(await verify(`${start}${bcrypt}`, 'another horse'), false, start)
  }
  for (const algorithm of [0, 1, 2]) {
    const phc = await hashArgon2('correct horse', { algorithm, memoryCost: 64, timeCost: 1, parallelism: 2 })
    for (const stored of [phc, `argon2${phc}`]) {
      t.equal(await verify(stored, 'correct horse'), true, stored)
      t.equal(await verify(stored, 'another horse'), false, stored)
    }
  }
})

t.test('a NUL is a character of a password like any other', async (t) => {
  const stored = await hashArgon2('a\0b', { memoryCost: 64, timeCost: 1, parallelism: 1 })
  t.equal(await verify(stored, 'a\0b'), true)
  t.equal(await verify(stored, 'a\0c'), false)
})

t.test('base64 of which bits are changed that do not count is no hash of the password', async (t) => {
  const { password, stored } = vectors.decomposed as { password: string; stored: string }
  t.equal(await verify(stored.replace(/k=$/, 'l='), password), false)
})

t.test('each kind has a decoy: a hash of the kind that no password has', async (t) => {
  for (const { stored, password } of Object.values(vectors)) {
    const { kind } = judgeHash(stored)
    const decoy = decoyOfKind(kind as string) as string
    t.strictSame(judgeHash(decoy), { kind })
    t.not(decoyOfKind(kind as string), decoy)
    t.equal(await verify(decoy, password), false)
  }
  for (const kind of ['argon2id$m=1024,t=1,p=1', 'argon2d$m=1024,t=1,p=1', 'bcrypt$4'])
    t.match(judgeHash(decoyOfKind(kind) as string), { kind })
  for (const kind of ['', 'md5', 'bcrypt$99', 'pbkdf2_sha256$0', 'pbkdf2_sha256$5000001', 'scrypt$3$8$1', 'argon2id$m=1,t=1,p=1']) {
    t.equal(decoyOfKind(kind), undefined, kind)
  }
})
