import {
  createHash,
  pbkdf2 as pbkdf2Callback,
  randomBytes,
  type ScryptOptions,
  scrypt as scryptCallback,
  timingSafeEqual,
} from 'node:crypto'
import { promisify } from 'node:util'
import { verify as verifyArgon2 } from '@node-rs/argon2'
import { verify as verifyBcrypt } from '@node-rs/bcrypt'
import { kindOf, type PasswordHash, type ScryptCost } from '../../db/password-hashes.ts'

const pbkdf2 = promisify(pbkdf2Callback)
const scrypt = promisify<string, string, number, ScryptOptions, Buffer>(scryptCallback)

const SCRYPT_OUTPUT_BYTES = 64
/** bcrypt takes no more of a password. What made the hashes cut the rest off without a word. */
const BCRYPT_BYTES = 72

/** Whether a password is the one of a hash: compared as UTF-8, as it stands. */
export async function verifyHash(hash: PasswordHash, password: string): Promise<boolean> {
  switch (hash.scheme) {
    case 'argon2':
      return verifyArgon2(hash.phc, password)
    case 'pbkdf2':
      return isBase64Of(hash.output, await pbkdf2(password, hash.salt, hash.rounds, hash.outputBytes, hash.digest))
    case 'scrypt':
      return isBase64Of(
        hash.output,
        await scrypt(password, hash.salt, SCRYPT_OUTPUT_BYTES, { ...hash.cost, maxmem: scryptBytes(hash.cost) }),
      )
    case 'bcrypt':
      return verifyBcrypt(hash.isOfDigest ? sha256Hex(password) : Buffer.from(password).subarray(0, BCRYPT_BYTES), hash.hash)
  }
}

/**
 * Whether all of a password that is the one of a hash was compared. Where bcrypt has taken its 72 bytes, nobody knows how the password goes on
 * of which the hash was made: also one of just 72 may be the beginning of it.
 */
export function isComparedWhole(hash: PasswordHash, password: string): boolean {
  return hash.scheme !== 'bcrypt' || hash.isOfDigest || Buffer.byteLength(password) < BCRYPT_BYTES
}

/** Django compares the texts, so that base64 in another spelling is no hash of anything. */
function isBase64Of(base64: string, output: Buffer): boolean {
  const computed = output.toString('base64')
  return computed.length === base64.length && timingSafeEqual(Buffer.from(computed), Buffer.from(base64))
}

/** What OpenSSL takes is a little more than both tables; Node refuses what it does not think enough. */
function scryptBytes({ N, r, p }: ScryptCost): number {
  return 256 * r * (N + p) + 1024 * r
}

function sha256Hex(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** For each kind of `judgeHash`, the texts before and after the cost, of a hash that no password has. */
const decoyTexts: readonly (readonly [kind: RegExp, text: (match: Record<string, string>) => string])[] = [
  [
    /^(?<django>argon2\$|)(?<variant>argon2(?:id|i|d))\$(?<cost>m=\d+,t=\d+,p=\d+)$/,
    ({ django, variant, cost }) => `${django ? 'argon2' : ''}$${variant}$v=19$${cost}$${unpadded(16)}$${unpadded(32)}`,
  ],
  [/^(?<start>pbkdf2_sha256\$\d+)$/, ({ start }) => `${start}$${unpadded(16)}$${padded(32)}`],
  [/^(?<start>pbkdf2_sha1\$\d+)$/, ({ start }) => `${start}$${unpadded(16)}$${padded(20)}`],
  [/^scrypt\$(?<N>\d+)\$(?<r>\d+)\$(?<p>\d+)$/, ({ N, r, p }) => `scrypt$${N}$${unpadded(16)}$${r}$${p}$${padded(SCRYPT_OUTPUT_BYTES)}`],
  [/^bcrypt\$(?<cost>\d+)$/, ({ cost = '' }) => `$2b$${cost.padStart(2, '0')}$${hex(21)}.${hex(30)}.`],
]

/** A hash of a kind that no password has: comparing with it costs as much as with any other. Undefined for what is no kind of `judgeHash`. */
export function decoyOfKind(kind: string): string | undefined {
  for (const [pattern, text] of decoyTexts) {
    const groups = pattern.exec(kind)?.groups
    if (groups === undefined) continue
    const decoy = text(groups)
    return kindOf(decoy) === kind ? decoy : undefined
  }
  return undefined
}

function padded(bytes: number): string {
  return randomBytes(bytes).toString('base64')
}

function unpadded(bytes: number): string {
  return padded(bytes).replaceAll('=', '')
}

function hex(digits: number): string {
  return randomBytes(digits).toString('hex').slice(0, digits)
}
