import { createPublicKey, generateKeyPair, hash, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import type { Algorithm } from '../tokens/signatures.ts'

/** A new key, in PEM. The key of `HS256` is a setting and is not stored, so it has a `kid` only. */
export interface GeneratedKey {
  readonly kid: string
  readonly algorithm: Algorithm
  readonly privatePem: string | null
  readonly publicPem: string | null
}

/**
 * Makes a key. One in 64 has a thumbprint that begins with a dash, which `latchkey keys retire` would read as an option: such a
 * key is thrown away, so that an operator can paste every `kid` as it is.
 *
 * @param secret `JWT_SECRET`, which is the key of `HS256`
 */
export async function generateKey(algorithm: Algorithm, secret: string | undefined): Promise<GeneratedKey> {
  if (algorithm === 'HS256') return { kid: secretKid(secret as string), algorithm, privatePem: null, publicPem: null }
  const privateKey = await generatePrivateKey(algorithm)
  const publicKey = createPublicKey(privateKey)
  const kid = thumbprint({ ...publicKey.export({ format: 'jwk' }) })
  if (kid.startsWith('-')) return generateKey(algorithm, secret)
  return {
    kid,
    algorithm,
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }) as string,
  }
}

const generatePair = promisify(generateKeyPair)

async function generatePrivateKey(algorithm: Exclude<Algorithm, 'HS256'>): Promise<KeyObject> {
  if (algorithm === 'ES256') return (await generatePair('ec', { namedCurve: 'P-256' })).privateKey
  if (algorithm === 'EdDSA') return (await generatePair('ed25519')).privateKey
  return (await generatePair('rsa', { modulusLength: 2048 })).privateKey
}

/** RFC 7638: SHA-256 over the required members in lexicographic order. */
function thumbprint(jwk: Readonly<Record<string, unknown>>): string {
  const members = { EC: ['crv', 'kty', 'x', 'y'], OKP: ['crv', 'kty', 'x'], RSA: ['e', 'kty', 'n'] }[jwk.kty as 'EC' | 'OKP' | 'RSA']
  const required = Object.fromEntries(members.map((member) => [member, jwk[member]]))
  return hash('sha256', JSON.stringify(required), 'base64url')
}

/** The `kid` of a secret. A hash of it reveals no more than a token signed with it does: both can be used to try guesses. */
export function secretKid(secret: string): string {
  return hash('sha256', `latchkey HS256 kid\0${secret}`, 'base64url')
}

/** Whether a text has the form of our `kid`s, which are SHA-256 hashes in base64url. */
export function isKid(text: string): boolean {
  return /^[\w-]{43}$/.test(text)
}
