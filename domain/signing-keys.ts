import { createHash, createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import type { Database, Handle } from '../db/database.ts'
import type { SigningKeyRow } from '../db/schema.ts'
import { insertSigningKey, listSigningKeys } from '../db/signing-keys.ts'
import type { Claims } from './claims.ts'
import { type Algorithm, claimsSigner, signatureVerifier } from './signatures.ts'

/** A key of our table, ready to use. Signers and verifiers are made once: making one costs more than using it. */
export interface SigningKey {
  readonly kid: string
  readonly algorithm: Algorithm
  /** The public half as a JWK (RFC 7517); undefined for a secret key. */
  readonly publicJwk: PublicJwk | undefined
  sign(claims: Claims): string
  /** Whether the signature is good. Says nothing about the claims. */
  verifies(token: string): boolean
}

export interface PublicJwk {
  readonly kty: string
  readonly kid: string
  readonly alg: Algorithm
  readonly use: 'sig'
  readonly [parameter: string]: string
}

export interface KeyRing {
  /** Signs what is issued. */
  readonly current: SigningKey
  find(kid: string): SigningKey | undefined
  /** What others may verify with, newest first. */
  readonly publicJwks: readonly PublicJwk[]
}

/** A key of the database that cannot be read. */
export class SigningKeyError extends Error {}

interface KeySettings {
  readonly jwtAlgorithm: Algorithm
  readonly jwtSecret: string | undefined
}

/**
 * The signing keys of the database, after making one for the algorithm that is set if there is none yet: of several
 * processes that start together, one makes it.
 *
 * @param now milliseconds since the epoch
 * @throws {SigningKeyError} when a stored key cannot be read
 */
export async function openKeyRing(db: Database, settings: KeySettings, now: number): Promise<KeyRing> {
  let rows = await listSigningKeys(db.read)
  if (!rows.some((row) => isCurrent(row, settings))) {
    const fresh = await generateKey(settings, now)
    rows = await db.write((handle) => insertUnlessMade(handle, settings, fresh))
  }
  const keys = rows.filter((row) => isUsable(row, settings)).map((row) => loadKey(row, settings.jwtSecret))
  const byKid = new Map(keys.map((key) => [key.kid, key]))
  const currentRow = rows.find((row) => isCurrent(row, settings)) as SigningKeyRow
  return {
    current: byKid.get(currentRow.kid) as SigningKey,
    find: (kid) => byKid.get(kid),
    publicJwks: keys.flatMap((key) => key.publicJwk ?? []),
  }
}

async function insertUnlessMade(handle: Handle, settings: KeySettings, fresh: SigningKeyRow): Promise<SigningKeyRow[]> {
  const rows = await listSigningKeys(handle)
  if (rows.some((row) => isCurrent(row, settings))) return rows
  await insertSigningKey(handle, fresh)
  return listSigningKeys(handle)
}

function isCurrent(row: SigningKeyRow, settings: KeySettings): boolean {
  return row.algorithm === settings.jwtAlgorithm && isUsable(row, settings)
}

/** Secret keys are settings: the one of another secret, or of none, can neither sign nor verify. */
function isUsable(row: SigningKeyRow, { jwtSecret }: KeySettings): boolean {
  return row.algorithm !== 'HS256' || (jwtSecret !== undefined && row.kid === secretKid(jwtSecret))
}

async function generateKey({ jwtAlgorithm, jwtSecret }: KeySettings, now: number): Promise<SigningKeyRow> {
  if (jwtAlgorithm === 'HS256') {
    return { kid: secretKid(jwtSecret as string), algorithm: 'HS256', private_key: null, created_at: now }
  }
  const privateKey = await generatePrivateKey(jwtAlgorithm)
  return {
    kid: thumbprint({ ...createPublicKey(privateKey).export({ format: 'jwk' }) }),
    algorithm: jwtAlgorithm,
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    created_at: now,
  }
}

const generatePair = promisify(generateKeyPair)

async function generatePrivateKey(algorithm: Exclude<Algorithm, 'HS256'>): Promise<KeyObject> {
  if (algorithm === 'ES256') return (await generatePair('ec', { namedCurve: 'P-256' })).privateKey
  if (algorithm === 'EdDSA') return (await generatePair('ed25519')).privateKey
  return (await generatePair('rsa', { modulusLength: 2048 })).privateKey
}

function loadKey(row: SigningKeyRow, secret: string | undefined): SigningKey {
  const algorithm = row.algorithm as Algorithm
  try {
    if (algorithm === 'HS256') return makeKey(row.kid, algorithm, secret as string, secret as string, undefined)
    const privateKey = createPrivateKey(row.private_key as string)
    const publicKey = createPublicKey(privateKey)
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid: row.kid, alg: algorithm, use: 'sig' } as PublicJwk
    const publicPem = publicKey.export({ type: 'spki', format: 'pem' }) as string
    return makeKey(row.kid, algorithm, row.private_key as string, publicPem, jwk)
  } catch (error) {
    throw new SigningKeyError(`signing key ${row.kid} of the database cannot be read: ${(error as Error).message}`)
  }
}

function makeKey(kid: string, algorithm: Algorithm, signWith: string, verifyWith: string, publicJwk: PublicJwk | undefined): SigningKey {
  return {
    kid,
    algorithm,
    publicJwk,
    sign: claimsSigner(algorithm, kid, signWith),
    verifies: signatureVerifier(algorithm, verifyWith),
  }
}

/** RFC 7638: SHA-256 over the required members in lexicographic order. */
function thumbprint(jwk: Readonly<Record<string, unknown>>): string {
  const members = { EC: ['crv', 'kty', 'x', 'y'], OKP: ['crv', 'kty', 'x'], RSA: ['e', 'kty', 'n'] }[jwk.kty as 'EC' | 'OKP' | 'RSA']
  const required = Object.fromEntries(members.map((member) => [member, jwk[member]]))
  return createHash('sha256').update(JSON.stringify(required)).digest('base64url')
}

/** Names a secret without telling it: a token signed with it tells as much. */
function secretKid(secret: string): string {
  return createHash('sha256').update('latchkey HS256 kid\0').update(secret).digest('base64url')
}
