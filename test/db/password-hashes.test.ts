// Not on PostgreSQL: it uses no database.
import t from 'tap'
import { judgeHash } from '../../db/password-hashes.ts'

const A = (length: number) => 'A'.repeat(length)
const SALT = 'XiB58nG9XkO13eCSU5hXRv'
const BCRYPT_REST = `${A(21)}.${A(30)}C`
const pbkdf2 = (rounds: number | string, digest = 'sha256', output = `${A(43)}=`) => `pbkdf2_${digest}$${rounds}$${SALT}$${output}`
const argon2 = (cost: string, variant = 'argon2id', salt = 'c2FsdHNhbHQ', output = A(43)) => `$${variant}$v=19$${cost}$${salt}$${output}`
const scrypt = (N: number, r: number, p: number) => `scrypt$${N}$${SALT}$${r}$${p}$${A(86)}==`

t.test('a hash of each form that is understood has a kind, which ends with its cost', async (t) => {
  for (const [stored, kind] of [
    [pbkdf2(870000), 'pbkdf2_sha256$870000'],
    [`pbkdf2_sha256$260000$abcdefghijkl$${A(43)}=`, 'pbkdf2_sha256$260000'],
    [pbkdf2(1500000, 'sha1', `${A(27)}=`), 'pbkdf2_sha1$1500000'],
    [`argon2${argon2('m=102400,t=2,p=8')}`, 'argon2$argon2id$m=102400,t=2,p=8'],
    [`argon2${argon2('m=512,t=2,p=2', 'argon2i', 'c2FsdHNhbHRzYWx0', '9LY80/JBF/GKdOqRi7CErw')}`, 'argon2$argon2i$m=512,t=2,p=2'],
    [argon2('m=19456,t=2,p=1'), 'argon2id$m=19456,t=2,p=1'],
    [argon2('m=19456,t=2,p=1', 'argon2i'), 'argon2i$m=19456,t=2,p=1'],
    [argon2('m=19456,t=2,p=1', 'argon2d'), 'argon2d$m=19456,t=2,p=1'],
    [`bcrypt_sha256$$2b$12$${BCRYPT_REST}`, 'bcrypt$12'],
    [`bcrypt$$2b$12$${BCRYPT_REST}`, 'bcrypt$12'],
    ...['2a', '2b', '2y'].map((version) => [`$${version}$10$${BCRYPT_REST}`, 'bcrypt$10'] as const),
    [scrypt(16384, 8, 5), 'scrypt$16384$8$5'],
  ] as const) {
    t.strictSame(judgeHash(stored), { kind }, stored)
  }
})

t.test('a hash at a bound is taken, and one past it is too costly', async (t) => {
  const argon2Of = (m: number, time: number, p: number) => argon2(`m=${m},t=${time},p=${p}`)
  for (const [at, past] of [
    [pbkdf2(5_000_000), pbkdf2(5_000_001)],
    [pbkdf2(5_000_000, 'sha1', `${A(27)}=`), pbkdf2(5_000_001, 'sha1', `${A(27)}=`)],
    [`$2b$14$${BCRYPT_REST}`, `$2b$15$${BCRYPT_REST}`],
    // Of 128 * N * r, where N is a power of two.
    [scrypt(2 ** 16, 8, 1), scrypt(2 ** 16, 9, 1)],
    [scrypt(2 ** 16, 8, 8), scrypt(2 ** 16, 8, 9)],
    // Of 128 * r * p, which a small N leaves large.
    [scrypt(8, 1, 524_288), scrypt(2, 1, 524_289)],
    [argon2Of(131_072, 8, 1), argon2Of(131_073, 1, 1)],
    [argon2Of(65_536, 16, 1), argon2Of(65_536, 17, 1)],
    [argon2Of(1024, 1, 64), argon2Of(1024, 1, 65)],
  ] as const) {
    t.match(judgeHash(at), { kind: /\d/ }, at)
    t.strictSame(judgeHash(past), { remark: 'hash_too_costly' }, past)
  }
})

t.test('hashes that were made to be costly are too costly', async (t) => {
  for (const stored of [
    `pbkdf2_sha256$2000000000$salt$${A(43)}=`,
    `scrypt$1048576$salt$64$8$${A(86)}==`,
    `scrypt$16384$salt$8$500$${A(86)}==`,
    `argon2$argon2id$v=19$m=4194304,t=100,p=1$c2FsdHNhbHQ$${A(43)}`,
    `bcrypt$$2b$31$${A(53)}`,
    `pbkdf2_sha256$${'9'.repeat(16)}$salt$${A(43)}=`,
  ]) {
    t.strictSame(judgeHash(stored), { remark: 'hash_too_costly' }, stored)
  }
})

t.test('what marks a user without a password is unusable', async (t) => {
  for (const stored of ['!cenX25S2KTlYWxipnmzLpqLa35OFoIo70IvXL6mA', '!', `!${pbkdf2(1000)}`, `!${A(300)}`]) {
    t.strictSame(judgeHash(stored), { remark: 'hash_unusable' }, stored)
  }
})

t.test('everything else is unknown: other algorithms, and texts that only look like a hash', async (t) => {
  const withSalt = (length: number) => `pbkdf2_sha256$1$${A(length)}$${A(43)}=`
  for (const stored of [
    '',
    'correct horse',
    'md5$salt$5f4dcc3b5aa765d61d8327deb882cf99',
    '5f4dcc3b5aa765d61d8327deb882cf99',
    'md5$$5f4dcc3b5aa765d61d8327deb882cf99',
    'sha1$salt$5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8',
    ` ${pbkdf2(1000)}`,
    `${pbkdf2(1000)}\n`,
    pbkdf2('01000'),
    pbkdf2('0'),
    pbkdf2('-1'),
    pbkdf2('1e3'),
    pbkdf2('9'.repeat(17)),
    pbkdf2(1000, 'sha256', `${A(42)}=`),
    pbkdf2(1000, 'sha512', `${A(86)}==`),
    withSalt(129),
    `pbkdf2_sha256$1000$$${A(43)}=`,
    `pbkdf2_sha256$1000$sölt$${A(43)}=`,
    scrypt(3, 8, 1),
    scrypt(1, 8, 1),
    scrypt(65536, 1, 1),
    argon2('m=15,t=1,p=2'),
    argon2('m=1024,t=0,p=1'),
    argon2('m=1024,t=1,p=1', 'argon2id', 'c2FsdHNhbHR'),
    argon2('m=1024,t=1,p=1', 'argon2id', 'c2FsdA'),
    argon2('m=1024,t=1,p=1', 'argon2id', 'c2FsdHNhbHQ', `${A(42)}B`),
    argon2('m=1024,t=1,p=1', 'argon2id', 'c2FsdHNhbHQ', A(21)),
    argon2('m=1024,t=1,p=1').replace('v=19', 'v=16'),
    argon2('m=1024,t=1,p=1', 'argon2id', A(256)),
    `$2b$03$${BCRYPT_REST}`,
    `$2x$10$${BCRYPT_REST}`,
    `$2b$10$${A(22)}${A(30)}C`,
    `$2b$10$${A(21)}.${A(30)}D`,
  ]) {
    t.strictSame(judgeHash(stored), { remark: 'hash_unknown' }, stored)
  }
})

t.test('a text of 256 characters is read, and one of 257 is unknown', async (t) => {
  const ofLength = (length: number) => argon2('m=1024,t=1,p=1', 'argon2id', A(length - argon2('m=1024,t=1,p=1', 'argon2id', '').length))
  t.equal(ofLength(256).length, 256)
  t.strictSame(judgeHash(ofLength(256)), { kind: 'argon2id$m=1024,t=1,p=1' })
  t.strictSame(judgeHash(ofLength(257)), { remark: 'hash_unknown' })
})
