import { createSigner, createVerifier } from 'fast-jwt'
import { type Claims, headerTypes, type TokenType } from './claims.ts'

/** RFC 7518 §3.1 and RFC 8037 §3.1. */
export type Algorithm = 'ES256' | 'EdDSA' | 'RS256' | 'HS256'

/**
 * Signs the claims of a token of either type.
 *
 * @param key a private key in PEM, or the secret of `HS256`
 */
export function claimsSigner(algorithm: Algorithm, kid: string, key: string): (claims: Claims) => string {
  const signer = (type: TokenType) => createSigner({ key, algorithm, kid, header: { alg: algorithm, typ: headerTypes[type] } })
  const signers = { access: signer('access'), refresh: signer('refresh') }
  return (claims) => signers[claims.token_type]({ ...claims })
}

/**
 * Tells whether the signature of a token is good. Says nothing about its claims.
 *
 * @param algorithm the only one that is accepted, whatever the token says
 * @param key a public key in PEM, or the secret of `HS256`
 */
export function signatureVerifier(algorithm: Algorithm, key: string): (token: string) => boolean {
  // Times are ours to check, on our clock: the engine would take the time of day.
  const verify = createVerifier({ key, algorithms: [algorithm], cache: false, ignoreExpiration: true, ignoreNotBefore: true })
  return (token) => {
    try {
      verify(token)
      return true
    } catch {
      return false
    }
  }
}
