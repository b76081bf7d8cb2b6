import { createPublicKey, generateKeyPair, hash, type KeyObject, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import type { Algorithm } from '../tokens/algorithms.ts'
import type { TokenType } from '../tokens/claims.ts'

/** A new key. Keys of access tokens are in PEM; the key of `HS256` is a setting and is not stored, so it has a `kid` only. */
export interface GeneratedKey {
  readonly kid: string
  readonly use: TokenType
  readonly algorithm: Algorithm
  /** Of refresh tokens: a secret text. */
  readonly privateKey: string | null
  readonly publicKey: string | null
}

/**
 * Makes a key of access tokens. One in 64 has a thumbprint that begins with a dash, which `latchkey keys retire` would read as an
 * option: such a key is thrown away, so that an operator can paste every `kid` as it is.
 *
 * @param secret `JWT_SECRET`, which is the key of `HS256`
 */
export async function generateAccessKey(algorithm: Algorithm, secret: string | undefined): Promise<GeneratedKey> {
  const use = 'access'
  if (algorithm === 'HS256') return { kid: secretKid(secret as string), use, algorithm, privateKey: null, publicKey: null }
  const privateKey = await generatePrivateKey(algorithm)
  const publicKey = createPublicKey(privateKey)
  const kid = thumbprint(publicKey)
  if (kid.startsWith('-')) return generateAccessKey(algorithm, secret)
  return {
    kid,
    use,
    algorithm,
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }) as string,
  }
}

/** Makes a key of refresh tokens: 256 random bits (RFC 7518 §3.2). */
export function generateRefreshKey(): GeneratedKey {
  const privateKey = randomBytes(32).toString('base64url')
  const kid = refreshKid(privateKey)
  return kid.startsWith('-') ? generateRefreshKey() : { kid, use: 'refresh', algorithm: 'HS256', privateKey, publicKey: null }
}

const generatePair = promisify(generateKeyPair)

async function generatePrivateKey(algorithm: Exclude<Algorithm, 'HS256'>): Promise<KeyObject> {
  if (algorithm === 'ES256') return (await generatePair('ec', { namedCurve: 'P-256' })).privateKey
  if (algorithm === 'EdDSA') return (await generatePair('ed25519')).privateKey
  return (await generatePair('rsa', { modulusLength: 2048 })).privateKey
}

/** The `kid` of a public key (RFC 7638): SHA-256 over the required members of its JWK in lexicographic order. */
export function thumbprint(key: KeyObject): string {
  const jwk: Readonly<Record<string, unknown>> = { ...key.export({ format: 'jwk' }) }
  const members = { EC: ['crv', 'kty', 'x', 'y'], OKP: ['crv', 'kty', 'x'], RSA: ['e', 'kty', 'n'] }[jwk.kty as 'EC' | 'OKP' | 'RSA']
  const required = Object.fromEntries(members.map((member) => [member, jwk[member]]))
  return hash('sha256', JSON.stringify(required), 'base64url')
}

/** The `kid` of `JWT_SECRET`. A hash of it reveals no more than a token signed with it does: both can be used to try guesses. */
export function secretKid(secret: string): string {
  return hash('sha256', `latchkey HS256 kid\0${secret}`, 'base64url')
}

/** The `kid` of a key of refresh tokens. */
export function refreshKid(secret: string): string {
  return hash('sha256', `latchkey refresh kid\0${secret}`, 'base64url')
}

/** Whether a text has the form of our `kid`s, which are SHA-256 hashes in base64url. */
export function isKid(text: string): boolean {
  return /^[\w-]{43}$/.test(text)
}
