import { createPrivateKey, createPublicKey } from 'node:crypto'
import type { SigningKeyRow } from '../../db/schema.ts'
import type { PublicJwk, SigningKey, VerificationKey } from '../tokens/key-ring.ts'
import { type Algorithm, claimsSigner, signatureVerifier } from '../tokens/signatures.ts'
import { type Secrets, SettingMismatch } from './secrets.ts'

/** A key of the database that cannot be read. */
export class SigningKeyError extends Error {}

/** The private part is missing when it is encrypted with a key that this process has not been given, or was deleted. */
export type LoadedKey = VerificationKey & Partial<SigningKey>

/**
 * Makes a row of the table ready to use.
 *
 * @param secret `JWT_SECRET`, when the row stands for this secret
 * @throws {SigningKeyError} when the row cannot be read
 */
export function loadKey(row: SigningKeyRow, secrets: Secrets, secret: string | undefined): LoadedKey {
  const { kid, public_key } = row
  const algorithm = row.algorithm as Algorithm
  try {
    if (algorithm === 'HS256') return withSigner({ ...verifier(kid, algorithm, secret as string), publicJwk: undefined }, secret)
    const publicJwk = { ...createPublicKey(public_key as string).export({ format: 'jwk' }), kid, alg: algorithm, use: 'sig' } as PublicJwk
    return withSigner({ ...verifier(kid, algorithm, public_key as string), publicJwk }, privatePem(row, secrets))
  } catch (error) {
    throw new SigningKeyError(`signing key ${kid} of the database cannot be read: ${(error as Error).message}`)
  }
}

function verifier(kid: string, algorithm: Algorithm, key: string) {
  return { kid, algorithm, verifies: signatureVerifier(algorithm, key) }
}

function withSigner(key: VerificationKey, signWith: string | undefined): LoadedKey {
  return signWith === undefined ? key : { ...key, sign: claimsSigner(key.algorithm, key.kid, signWith) }
}

/** Whether this process can read the private part of a row. */
export function isReadable(row: SigningKeyRow, secrets: Secrets): boolean {
  try {
    return privatePem(row, secrets) !== undefined
  } catch {
    return false
  }
}

/** Undefined when it is encrypted with a key that this process has not been given. */
function privatePem({ kid, private_key }: SigningKeyRow, secrets: Secrets): string | undefined {
  try {
    const pem = secrets.open(private_key as string, kid)
    createPrivateKey(pem)
    return pem
  } catch (error) {
    if (error instanceof SettingMismatch) return undefined
    throw error
  }
}
