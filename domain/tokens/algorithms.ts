import { createHmac, createPublicKey, createSecretKey, type KeyObject, timingSafeEqual, verify } from 'node:crypto'

/** RFC 7518 §3.1 and RFC 8037 §3.1. */
export type Algorithm = 'ES256' | 'EdDSA' | 'RS256' | 'HS256'

interface SignatureCheck {
  readKey(key: string | Buffer): KeyObject
  /** RFC 7518 §3.2 to §3.4 and RFC 8037 §3.1 say what a key must be; FIPS 186-5 §5.1 the least exponent. */
  isFit(key: KeyObject): boolean
  isGood(signed: Buffer, key: KeyObject, signature: Buffer): boolean
}

/** What each algorithm asks of its key and of a signature. */
export const checks: Readonly<Record<Algorithm, SignatureCheck>> = {
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

const OF_KEY_PAIRS = ['ES256', 'EdDSA', 'RS256'] as const

/** The algorithm of a public key in PEM. @returns undefined for anything else, also for a weak key and a private one */
export function algorithmOfPublicKey(pem: string): Algorithm | undefined {
  // A public key can be read from a private one and from a certificate, too.
  if (!/^-----BEGIN (RSA )?PUBLIC KEY-----/.test(pem)) return undefined
  try {
    const key = createPublicKey(pem)
    return OF_KEY_PAIRS.find((algorithm) => checks[algorithm].isFit(key))
  } catch {
    return undefined
  }
}
