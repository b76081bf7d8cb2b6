// What the column `users.password` may hold: hashes of ours, and those of the systems that users came from.

/** Longer texts are not read. */
const LENGTH_LIMIT = 256
const PBKDF2_ROUNDS_LIMIT = 5_000_000
const BCRYPT_COST = { least: 4, most: 14 }
/** Of each of its two tables. */
const SCRYPT_BYTES_LIMIT = 64 * 1024 * 1024
/** Of N·r·p, which is what its time grows with. */
const SCRYPT_WORK_LIMIT = 4_194_304
const ARGON2_KIB_LIMIT = 131_072
/** Of memory times passes. */
const ARGON2_WORK_LIMIT = 1_048_576
const ARGON2_LANES_LIMIT = 64
/** RFC 9106 §3.1. */
const ARGON2_LEAST_KIB_A_LANE = 8
const ARGON2_LEAST_SALT_BYTES = 8

interface Common {
  /** What decides how long a comparison takes: one stands for all of its kind. Ends with the cost. */
  readonly kind: string
  /** Memory that a comparison takes; 0 for what is not worth counting. */
  readonly memoryKib: number
  /** Whether it may be of another system, which trimmed what was typed. */
  readonly isForeign: boolean
}

/** A hash that a password can be compared with. */
export type PasswordHash = Common &
  (
    | { readonly scheme: 'argon2'; readonly phc: string; readonly iterations: number }
    | {
        readonly scheme: 'pbkdf2'
        readonly digest: 'sha256' | 'sha1'
        readonly rounds: number
        readonly salt: string
        readonly output: string
        readonly outputBytes: number
      }
    | { readonly scheme: 'scrypt'; readonly cost: ScryptCost; readonly salt: string; readonly output: string }
    | {
        readonly scheme: 'bcrypt'
        readonly hash: string
        /** Whether it was made of the SHA-256 of the password, in lower-case hexadecimal. */
        readonly isOfDigest: boolean
      }
  )

/** As in RFC 7914 §2. */
export interface ScryptCost {
  readonly N: number
  readonly r: number
  readonly p: number
}

/**
 * Why no password is that of a stored text: it is in no form that is known; comparing with it would take too long or too much memory; or it
 * says so itself, as Django marks users without a password.
 */
export type HashRemark = 'hash_unknown' | 'hash_too_costly' | 'hash_unusable'

/**
 * What a stored text is: of which kind, or why no password is that of it. It is never computed.
 *
 * @returns `{ kind }` for a hash that passwords are compared with, else `{ remark }`
 */
export function judgeHash(
  stored: string,
): { readonly kind: string; readonly remark?: undefined } | { readonly kind?: undefined; readonly remark: HashRemark } {
  const read = readHash(stored)
  return typeof read === 'string' ? { remark: read } : { kind: read.kind }
}

/** Whether a password was maybe trimmed before the hash was made of it. */
export function isForeign(stored: string): boolean {
  const read = readHash(stored, true)
  return typeof read !== 'string' && read.isForeign
}

/** The kind of a stored text, also of one that only we may have made; undefined where no password is that of it. */
export function kindOf(stored: string): string | undefined {
  const read = readHash(stored, true)
  return typeof read === 'string' ? undefined : read.kind
}

/**
 * Reads a stored text as far as comparing takes it, or says why nothing is compared with it.
 *
 * @param isOurs whether it was made here: then it may cost whatever `ARGON2_MEMORY_KIB` and `ARGON2_ITERATIONS` said at that time
 */
export function readHash(stored: string, isOurs = false): PasswordHash | HashRemark {
  if (stored.startsWith('!')) return 'hash_unusable'
  if (stored.length > LENGTH_LIMIT) return 'hash_unknown'
  for (const { pattern, read } of forms) {
    const match = pattern.exec(stored)
    if (match?.groups !== undefined) return read(match.groups as Groups, isOurs)
  }
  return 'hash_unknown'
}

type Groups = Readonly<Record<string, string>>

interface Form {
  readonly pattern: RegExp
  read(groups: Groups, isOurs: boolean): PasswordHash | HashRemark
}

// Numbers have at most 16 digits, which JavaScript compares well enough with the bounds; none begins with 0, so that a cost is one kind.
const NUMBER = '[1-9]\\d{0,15}'
const BASE64 = '[A-Za-z0-9+/]'
/** Django takes what stands there as its bytes, and never makes one of other characters. */
const SALT = '[!-#%-~]{1,128}'
const BCRYPT64 = '[./A-Za-z0-9]'

/** Every form that is understood, each in the spelling of who writes it: Django, or (without a name before `$`) PHC and bcrypt. */
const forms: readonly Form[] = [
  form(
    `(?<prefix>argon2|)(?<phc>\\$(?<variant>argon2(?:id|i|d))\\$v=19\\$m=(?<m>${NUMBER}),t=(?<t>${NUMBER}),p=(?<p>${NUMBER})` +
      `\\$(?<salt>${BASE64}+)\\$(?<output>${BASE64}{22,86}))`,
    readArgon2,
  ),
  form(`pbkdf2_sha256\\$(?<rounds>${NUMBER})\\$(?<salt>${SALT})\\$(?<output>${BASE64}{43}=)`, (groups) => readPbkdf2(groups, 'sha256', 32)),
  form(`pbkdf2_sha1\\$(?<rounds>${NUMBER})\\$(?<salt>${SALT})\\$(?<output>${BASE64}{27}=)`, (groups) => readPbkdf2(groups, 'sha1', 20)),
  form(`scrypt\\$(?<N>${NUMBER})\\$(?<salt>${SALT})\\$(?<r>${NUMBER})\\$(?<p>${NUMBER})\\$(?<output>${BASE64}{86}==)`, readScrypt),
  form(
    `(?<prefix>bcrypt_sha256\\$|bcrypt\\$|)(?<hash>\\$2[aby]\\$(?<cost>\\d\\d)\\$(?<salt>${BCRYPT64}{22})(?<output>${BCRYPT64}{31}))`,
    readBcrypt,
  ),
]

function form(pattern: string, read: Form['read']): Form {
  return { pattern: new RegExp(`^${pattern}$`), read }
}

function readArgon2({ prefix, phc = '', variant, salt = '', output = '', ...cost }: Groups, isOurs: boolean): PasswordHash | HashRemark {
  const [m, t, p] = [Number(cost.m), Number(cost.t), Number(cost.p)]
  // What Django made has a kind of its own also where it costs as much as ours: its passwords were trimmed, and are compared in more forms.
  const kind = `${prefix ? 'argon2$' : ''}${variant}$m=${m},t=${t},p=${p}`
  const isForeign = !kind.startsWith('argon2id$')
  const isBounded = isForeign || !isOurs
  if (isBounded && (m > ARGON2_KIB_LIMIT || m * t > ARGON2_WORK_LIMIT || p > ARGON2_LANES_LIMIT)) return 'hash_too_costly'
  // argon2 refuses these at once, which would tell such a user from an unknown name.
  if (m < ARGON2_LEAST_KIB_A_LANE * p || !isCanonical(salt) || !isCanonical(output)) return 'hash_unknown'
  if (Buffer.from(salt, 'base64').length < ARGON2_LEAST_SALT_BYTES) return 'hash_unknown'
  return { scheme: 'argon2', kind, memoryKib: m, isForeign, phc, iterations: t }
}

function readPbkdf2(
  { rounds: digits, salt = '', output = '' }: Groups,
  digest: 'sha256' | 'sha1',
  outputBytes: number,
): PasswordHash | HashRemark {
  const rounds = Number(digits)
  if (rounds > PBKDF2_ROUNDS_LIMIT) return 'hash_too_costly'
  const kind = `pbkdf2_${digest}$${rounds}`
  return { scheme: 'pbkdf2', kind, memoryKib: 0, isForeign: true, digest, rounds, salt, output, outputBytes }
}

function readScrypt({ salt = '', output = '', ...groups }: Groups): PasswordHash | HashRemark {
  const cost = { N: Number(groups.N), r: Number(groups.r), p: Number(groups.p) }
  const { N, r, p } = cost
  const most = Math.max(N, p) * 128 * r
  if (most > SCRYPT_BYTES_LIMIT || N * r * p > SCRYPT_WORK_LIMIT) return 'hash_too_costly'
  // RFC 7914 §2, and what OpenSSL refuses at once.
  if (N < 2 || !Number.isInteger(Math.log2(N)) || N >= 2 ** (16 * r)) return 'hash_unknown'
  const memoryKib = Math.ceil((128 * N * r + 128 * r * p) / 1024)
  return { scheme: 'scrypt', kind: `scrypt$${N}$${r}$${p}`, memoryKib, isForeign: true, cost, salt, output }
}

function readBcrypt({ prefix, hash = '', cost: digits, salt = '', output = '' }: Groups): PasswordHash | HashRemark {
  const cost = Number(digits)
  if (cost > BCRYPT_COST.most) return 'hash_too_costly'
  // The last character of each has bits that are not used, which bcrypt leaves 0.
  if (cost < BCRYPT_COST.least || !/[.Oeu]$/.test(salt) || !/[.CGKOSWaeimquy26]$/.test(output)) return 'hash_unknown'
  return { scheme: 'bcrypt', kind: `bcrypt$${cost}`, memoryKib: 0, isForeign: true, hash, isOfDigest: prefix === 'bcrypt_sha256$' }
}

/** Whether the unused bits of base64 without padding are 0. */
function isCanonical(base64: string): boolean {
  return Buffer.from(base64, 'base64').toString('base64').replaceAll('=', '') === base64
}
