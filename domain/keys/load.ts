import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import type { SigningKeyRow } from '../../db/schema.ts'
import type { Algorithm } from '../tokens/algorithms.ts'
import type { PublicJwk, SigningKey, VerificationKey } from '../tokens/key-ring.ts'
import { claimsSigner, signatureVerifier } from '../tokens/signatures.ts'
import { refreshKid, thumbprint } from './generate.ts'
import { isSecret } from './schedule.ts'
import { type Secrets, SettingMismatch } from './secrets.ts'

/** A key of the database that cannot be read. */
export class SigningKeyError extends Error {}

/** The private part is missing when it is encrypted with a key that this process has not been given, or was deleted. */
export type LoadedKey = VerificationKey & Partial<SigningKey>

/**
 * Makes a row of the table ready to use. Its `kid` is made from the key itself, so a key that somebody has put in the place of another is
 * not taken for it.
 *
 * @param secret `JWT_SECRET`, when the row stands for this secret
 * @throws {SettingMismatch} when it is a key of refresh tokens, and encrypted with a key that this process has not been given
 * @throws {SigningKeyError} when the row cannot be read
 */
export function loadKey(row: SigningKeyRow, secrets: Secrets, secret: string | undefined): LoadedKey {
  try {
    if (isSecret(row)) return withSigner({ ...verifier(row, secret as string), publicJwk: undefined }, secret)
    return row.use === 'refresh' ? refreshKey(row, secrets) : accessKey(row, secrets)
  } catch (error) {
    if (error instanceof SettingMismatch) throw error
    throw new SigningKeyError(`signing key ${row.kid} of the database cannot be read: ${(error as Error).message}`)
  }
}

function accessKey(row: SigningKeyRow, secrets: Secrets): LoadedKey {
  const { kid, algorithm: alg, public_key } = row
  const publicKey = createPublicKey(public_key as string)
  holdToKid(publicKey, kid, 'public')
  const publicJwk = { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' } as PublicJwk
  return withSigner({ ...verifier(row, public_key as string), publicJwk }, privatePem(row, secrets))
}

function refreshKey(row: SigningKeyRow, secrets: Secrets): LoadedKey {
  const secret = openRefreshKey(row, secrets)
  return withSigner({ ...verifier(row, secret), publicJwk: undefined }, secret)
}

function verifier(row: SigningKeyRow, key: string) {
  const algorithm = row.algorithm as Algorithm
  return { kid: row.kid, use: row.use, refreshUntil: refreshUntil(row), algorithm, verifies: signatureVerifier(algorithm, key) }
}

function refreshUntil({ refresh_until: iat, token_ttl }: SigningKeyRow): VerificationKey['refreshUntil'] {
  return iat === null ? undefined : { iat, exp: token_ttl === 0 ? Number.POSITIVE_INFINITY : iat + token_ttl }
}

function withSigner(key: VerificationKey, signWith: string | undefined): LoadedKey {
  return signWith === undefined ? key : { ...key, sign: claimsSigner(key.algorithm, key.kid, signWith) }
}

/** Whether this process can sign with a row. */
export function isReadable(row: SigningKeyRow, secrets: Secrets): boolean {
  if (isSecret(row)) return true
  try {
    return loadKey(row, secrets, undefined).sign !== undefined
  } catch {
    return false
  }
}

/** Undefined when it is encrypted with a key that this process has not been given. */
function privatePem({ kid, private_key }: SigningKeyRow, secrets: Secrets): string | undefined {
  try {
    const pem = secrets.open(private_key as string, kid)
    holdToKid(createPublicKey(createPrivateKey(pem)), kid, 'private')
    return pem
  } catch (error) {
    if (error instanceof SettingMismatch) return undefined
    throw error
  }
}

function openRefreshKey({ kid, private_key }: SigningKeyRow, secrets: Secrets): string {
  const secret = secrets.open(private_key as string, kid)
  if (refreshKid(secret) !== kid) throw new Error('it is not the key of this kid')
  return secret
}

function holdToKid(publicKey: KeyObject, kid: string, part: string): void {
  if (thumbprint(publicKey) !== kid) throw new Error(`its ${part} part is not the key of this kid`)
}
