import { createSigner } from 'fast-jwt'
import { type Algorithm, checks } from './algorithms.ts'
import type { Claims, HeaderType } from './claims.ts'
import { parseObject, splitToken } from './format.ts'

/**
 * Signs claims.
 *
 * @param key a private key in PEM, or the secret of `HS256`
 */
export function claimsSigner(algorithm: Algorithm, kid: string, key: string): (claims: Claims, typ: HeaderType) => string {
  const signer = (typ: HeaderType) => createSigner({ key, algorithm, kid, header: { alg: algorithm, typ } })
  const signers = { JWT: signer('JWT'), 'at+jwt': signer('at+jwt') }
  return (claims, typ) => signers[typ]({ ...claims })
}

/**
 * Makes the function that checks whether a token is a JWS of this algorithm in strict compact form with a good signature
 * (RFC 7515 §5.2). It does not read the payload, so it needs no JWT library, only Node's cryptography.
 *
 * @param algorithm the only one that is accepted, whatever the token's header says
 * @param key a public key in PEM, or the secret of `HS256`
 * @throws {Error} for a key that cannot be read, is of another algorithm, or is too weak
 */
export function signatureVerifier(algorithm: Algorithm, key: string | Buffer): (token: string) => boolean {
  const { readKey, isFit, isGood } = checks[algorithm]
  const keyObject = readKey(key)
  if (!isFit(keyObject)) throw new Error(`not a key of ${algorithm}, or a weak one`)
  return (token) => {
    const segments = splitToken(token)
    if (segments === undefined || parseObject(segments.header)?.alg !== algorithm) return false
    return isGood(Buffer.from(segments.signed), keyObject, Buffer.from(segments.signature, 'base64url'))
  }
}
