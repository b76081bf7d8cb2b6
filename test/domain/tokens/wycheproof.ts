import { createPublicKey, type webcrypto } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { loadConfig } from '../../../config.ts'
import type { Algorithm } from '../../../domain/tokens/algorithms.ts'
import type { KeyRing, SigningKey } from '../../../domain/tokens/key-ring.ts'
import { signatureVerifier } from '../../../domain/tokens/signatures.ts'
import { Tokens } from '../../../domain/tokens/tokens.ts'
import { START } from '../../helper.ts'

/** The folder that holds the vectors of Project Wycheproof (https://github.com/C2SP/wycheproof, `testvectors_v1`). */
const FOLDER = process.env.WYCHEPROOF_DIR
export const skip = FOLDER === undefined && 'WYCHEPROOF_DIR names no folder with the vectors of Project Wycheproof'

export interface Jwk extends webcrypto.JsonWebKey {
  readonly kid: string
}

export interface Vector {
  readonly tcId: number
  readonly comment: string
  readonly flags: readonly string[]
  readonly result: 'valid' | 'invalid'
  /** A JWS or JWE; in JSON serialization, its text. */
  readonly token: string
}

export interface Group {
  readonly comment: string
  /** The key that verifies: the public key, or the secret of a MAC. */
  readonly keys: readonly Jwk[]
  readonly privateKey: Jwk
  readonly tests: readonly Vector[]
}

interface RawGroup {
  readonly comment: string
  readonly public?: Jwk | { keys: Jwk[] }
  readonly private: Jwk | { keys: Jwk[] }
  readonly tests: readonly (Omit<Vector, 'token'> & { jws?: string | object; jwe?: string | object })[]
}

/** The groups of a suite. Asserts that as many vectors are read as the file says it has. */
export function loadSuite(t: Test, name: string): readonly Group[] {
  const file = JSON.parse(readFileSync(join(FOLDER as string, `${name}_test.json`), 'utf8')) as {
    numberOfTests: number
    testGroups: RawGroup[]
  }
  const groups = file.testGroups.map(readGroup)
  t.equal(groups.flatMap(({ tests }) => tests).length, file.numberOfTests, 'every vector is read')
  return groups
}

function readGroup({ comment, public: publicKey, private: privateKey, tests }: RawGroup): Group {
  const keysOf = (key: RawGroup['private']) => ('keys' in key ? (key as { keys: Jwk[] }).keys : [key as Jwk])
  return {
    comment,
    keys: keysOf(publicKey ?? privateKey),
    privateKey: keysOf(privateKey)[0] as Jwk,
    tests: tests.map(({ jws, jwe, ...test }) => ({ ...test, token: textOf(jws ?? jwe) })),
  }
}

function textOf(token: string | object | undefined): string {
  return typeof token === 'string' ? token : JSON.stringify(token)
}

const ALGORITHMS: readonly string[] = ['ES256', 'EdDSA', 'RS256', 'HS256'] satisfies Algorithm[]

/**
 * The keys as a key ring holds them: by kid, each with its own algorithm. A key of an unsupported algorithm, or one that is damaged or
 * too weak, is left out.
 */
export function ringOf(keys: readonly Jwk[]): KeyRing {
  const loaded = keys.flatMap((jwk) => loadKey(jwk) ?? [])
  const find = (kid: string) => loaded.find((key) => key.kid === kid)
  return { find, search: async (kid) => find(kid) } as KeyRing
}

function loadKey({ kid, ...jwk }: Jwk): SigningKey | undefined {
  const algorithm = jwk.alg as Algorithm
  if (!ALGORITHMS.includes(algorithm)) return undefined
  try {
    return { kid, use: 'access', algorithm, verifies: signatureVerifier(algorithm, verificationKey(jwk)) } as SigningKey
  } catch {
    return undefined
  }
}

function verificationKey(jwk: webcrypto.JsonWebKey): string | Buffer {
  if (jwk.kty === 'oct') return Buffer.from(jwk.k as string, 'base64url')
  return createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
}

/** Whether the signature of a token is good for the key with this kid, or for the first key when none is given. */
export function passesSeam(keys: readonly Jwk[], token: string, kid = keys[0]?.kid): boolean {
  return (
    ringOf(keys)
      .find(kid as string)
      ?.verifies(token) ?? false
  )
}

export const ISSUER = 'http://localhost:3000'

/** Whether a token passes the whole check of tokens in a service with these keys. */
export async function passesWhole(keys: readonly Jwk[], token: string): Promise<boolean> {
  const config = loadConfig({ JWT_ISSUER: ISSUER })
  try {
    const issuedClaims = {
      isIssuer: (iss: string) => iss === ISSUER,
      isAudience: (aud: unknown) => aud === undefined,
      search: async () => {},
    }
    await new Tokens({ keys: ringOf(keys), issuedClaims, config, clock: () => START }).verify(token)
    return true
  } catch {
    return false
  }
}

/** The name of a vector, for the messages of assertions. */
export function nameOf(group: Group, { tcId, comment }: Vector): string {
  return `${group.comment} #${tcId} ${comment}`
}
