import type { Algorithm } from './algorithms.ts'
import type { Claims, HeaderType, KeyUse } from './claims.ts'

// What tokens ask of keys. The keys of the database are in `domain/keys/`.

/** A key that verifies. Verifiers and signers are made once a key: making one costs more than using it. */
export interface VerificationKey extends KeyUse {
  readonly kid: string
  /** The only algorithm that it verifies and signs with. It comes from our own record, never from a token (RFC 8725 §3.1). */
  readonly algorithm: Algorithm
  /** The public half as a JWK (RFC 7517); undefined for a secret key. */
  readonly publicJwk: PublicJwk | undefined
  /** Whether the signature is good. Says nothing about the claims. */
  verifies(token: string): boolean
}

/** A key whose private part, or secret, is at hand. */
export interface SigningKey extends VerificationKey {
  sign(claims: Claims, typ: HeaderType): string
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
   * The key that signs new access tokens.
   *
   * @throws {Problem} `overloaded` in the moment in which the last one has been retired and the next is being made
   */
  readonly current: SigningKey
  /**
   * The key that signs a refresh token of this `iat` (seconds since the epoch). It is the same each time, so the token is the same letter by
   * letter each time that it is signed.
   *
   * @throws {Problem} as `current`
   */
  refreshSigner(iat: number): SigningKey
  /** The key of this `kid`; undefined when it is unknown, retired or deleted, or the last token that it has signed is dead. */
  find(kid: string): VerificationKey | undefined
  /**
   * The same for a `kid` that `find` does not know: another process may have made the key a moment ago.
   *
   * @throws {DatabaseUnavailable} when the database does not answer, or there is such a key and this process cannot read it
   */
  search(kid: string): Promise<VerificationKey | undefined>
  /** The same, and also a key of refresh tokens that are all dead: such a token says nothing but which session it was for. */
  recall(kid: string): Promise<VerificationKey | undefined>
  /** The keys to publish, newest first. */
  readonly publicJwks: readonly PublicJwk[]
  /** The algorithms of the access tokens that verify now, the current key's first. */
  readonly algorithms: readonly Algorithm[]
}
