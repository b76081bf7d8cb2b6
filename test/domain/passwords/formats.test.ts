// Not on PostgreSQL: it uses no database.
import { hash } from '@node-rs/argon2'
import t from 'tap'
import { costOf, verifyHash } from '../../../domain/passwords/formats.ts'

const HASH = '$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHQ$kXQu2wDFNz0SEXfsPcPsZ0cQRNsZhOg3pwLRSmP1PGs'

t.test('a hash is compared by the format that its prefix names', async (t) => {
  const stored = await hash('correct horse', { memoryCost: 1024, timeCost: 1, parallelism: 1 })
  t.equal(await verifyHash(stored, 'correct horse'), true)
  t.equal(await verifyHash(stored, 'another horse'), false)
})

t.test('no password is right for a hash of an unknown format, or one that cannot be read', async (t) => {
  for (const stored of [
    '',
    'correct horse',
    '$argon2id$',
    '$argon2i$v=19$m=1024,t=1,p=1$c29tZXNhbHQ$x',
    'pbkdf2_sha256$1$a$b',
    '$2b$04$x',
  ]) {
    t.equal(await verifyHash(stored, 'correct horse'), false, stored)
  }
})

t.test('the cost of a hash is what it says of itself, and nothing when it cannot be read', async (t) => {
  t.same(costOf(HASH), { memoryKib: 1024, iterations: 1 })
  for (const stored of ['', '$argon2id$', '$argon2id$v=16$m=1024,t=1,p=1$a$b', '$argon2i$v=19$m=1024,t=1,p=1$a$b']) {
    t.same(costOf(stored), { memoryKib: 0, iterations: 0 }, stored)
  }
})
