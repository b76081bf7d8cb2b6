import { createPrivateKey, createPublicKey } from 'node:crypto'
import type { SigningKeyRow } from '../../db/schema.ts'
import type { Claims } from '../tokens/claims.ts'
import { type Algorithm, claimsSigner, signatureVerifier } from '../tokens/signatures.ts'
import { type Secrets, SettingMismatch } from './secrets.ts'

/** A key of our table, ready to use. Verifiers and signers are made once: making one costs more than using it. */
export interface VerificationKey {
  readonly kid: string
  /** The only one that it verifies, and signs with: that of its row, whatever a token says. */
  readonly algorithm: Algorithm
  /** The public half as a JWK (RFC 7517); undefined for a secret key. */
  readonly publicJwk: PublicJwk | undefined
  /** Whether the signature is good. Says nothing about the claims. */
  verifies(token: string): boolean
}

/** One whose private part, or secret, is at hand too. */
export interface SigningKey extends VerificationKey {
  sign(claims: Claims): string
}

export interface PublicJwk {
  readonly kty: string
  readonly kid: string
  readonly alg: Algorithm
  readonly use: 'sig'
  readonly [parameter: string]: string
}

export interface KeyRing {
  /**
   * Signs what is issued now.
   *
   * @throws {Problem} `overloaded` in the moment in which the last one has been retired and the next is being made
   */
  readonly current: SigningKey
  /** What a token of this `kid` is verified with; undefined for an unknown, a retired and a forgotten one. */
  find(kid: string): VerificationKey | undefined
  /**
   * The same for a `kid` that is not to be found: another process may have made the key a moment ago.
   *
   * @throws {DatabaseUnavailable} when the database does not answer
   */
  search(kid: string): Promise<VerificationKey | undefined>
  /** What others may verify with, newest first. */
  readonly publicJwks: readonly PublicJwk[]
  /** Of the tokens that verify now, the current key's first. */
  readonly algorithms: readonly Algorithm[]
}

/** A key of the database that cannot be read. */
export class SigningKeyError extends Error {}

/** What is made of a row: the private part may be encrypted for other processes only, or gone. */
export type LoadedKey = VerificationKey & Partial<SigningKey>

/**
 * @param secret `JWT_SECRET`, when the row is the one of this secret
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
