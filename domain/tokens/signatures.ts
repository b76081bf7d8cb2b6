import { createHmac, createPublicKey, createSecretKey, type KeyObject, timingSafeEqual, verify } from 'node:crypto'
import { createSigner } from 'fast-jwt'
import type { Claims, HeaderType } from './claims.ts'
import { parseObject, splitToken } from './format.ts'

/** RFC 7518 §3.1 and RFC 8037 §3.1. */
export type Algorithm = 'ES256' | 'EdDSA' | 'RS256' | 'HS256'

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

interface SignatureCheck {
  readKey(key: string | Buffer): KeyObject
  /** RFC 7518 §3.2 to §3.4 and RFC 8037 §3.1 say what a key must be; FIPS 186-5 §5.1 the least exponent. */
  isFit(key: KeyObject): boolean
  isGood(signed: Buffer, key: KeyObject, signature: Buffer): boolean
}

const checks: Readonly<Record<Algorithm, SignatureCheck>> = {
  ES256: {
    readKey: createPublicKey,
    isFit: ({ asymmetricKeyType: type, asymmetricKeyDetails: details }) => type === 'ec' && details?.namedCurve === 'prime256v1',
    isGood: (signed, key, signature) => verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, signature),
  },
  EdDSA: {
    readKey: createPublicKey,
    isFit: ({ asymmetricKeyType: type }) => type === 'ed25519',
    isGood: (signed, key, signature) => verify(null, signed, key, signature),
  },
  RS256: {
    readKey: createPublicKey,
    isFit: ({ asymmetricKeyType: type, asymmetricKeyDetails: details }) =>
      type === 'rsa' && (details?.modulusLength ?? 0) >= 2048 && (details?.publicExponent ?? 0n) >= 65_537n,
    isGood: (signed, key, signature) => verify('sha256', signed, key, signature),
  },
  HS256: {
    readKey: (secret) => createSecretKey(Buffer.from(secret as string)),
    isFit: ({ symmetricKeySize: bytes }) => (bytes ?? 0) >= 32,
    isGood(signed, key, signature) {
      const mac = createHmac('sha256', key).update(signed).digest()
      return mac.length === signature.length && timingSafeEqual(mac, signature)
    },
  },
}
