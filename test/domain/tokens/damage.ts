import { constants, createHash, createHmac, createPrivateKey, createPublicKey, privateEncrypt, publicDecrypt, sign } from 'node:crypto'
import { segment, signed, strangeKey, withUnusedBits } from '../../wire/forge.ts'
import type { Jwk, Vector } from './wycheproof.ts'

/** A valid token, signed with the key of a vector, in pieces. */
export interface Pieces {
  readonly key: Jwk
  readonly head: Readonly<Record<string, unknown>>
  readonly claims: Readonly<Record<string, unknown>>
  readonly header: string
  readonly payload: string
  readonly signature: string
}

/** Signs claims with the private key of a vector, under the header of a Latchkey token. */
export function resign(key: Jwk, claims: Pieces['claims']): Pieces {
  const head = { alg: key.alg, kid: key.kid, typ: 'at+jwt' }
  // Padded with spaces to a length whose last base64 character has unused bits: some vectors set those bits.
  const text = JSON.stringify(claims)
  const [header, payload] = [segment(JSON.stringify(head)), segment(text.padEnd(text.length + ((4 - (text.length % 3)) % 3)))]
  return { key, head, claims, header, payload, signature: signatureOf(key, `${header}.${payload}`) }
}

export function written({ header, payload, signature }: Pieces): string {
  return `${header}.${payload}.${signature}`
}

function signatureOf(key: Jwk, input: string): string {
  if (key.kty === 'oct') return createHmac('sha256', secretOf(key)).update(input).digest('base64url')
  const privateKey = createPrivateKey({ key, format: 'jwk' })
  return sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')
}

function secretOf({ k }: Jwk): Buffer {
  return Buffer.from(k as string, 'base64url')
}

/** Signs a header and a payload, which are already encoded. */
function resigned({ key }: Pieces, header: string, payload: string): string {
  return `${header}.${payload}.${signatureOf(key, `${header}.${payload}`)}`
}

type Damage = (good: Pieces) => string

/** How to damage a token, by the comment of an invalid vector. */
const DAMAGES: Readonly<Record<string, Damage>> = {
  rejectsModifiedSignature: ({ header, payload, signature }) => `${header}.${payload}.${otherFirst(signature)}`,
  rejectsMissingSignature: ({ header, payload }) => `${header}.${payload}.`,
  rejectsMissingSignatureAndSeparator: ({ header, payload }) => `${header}.${payload}`,
  rejectsModifiedPayload: ({ header, claims, signature }) => `${header}.${segment(JSON.stringify({ ...claims, sid: '2' }))}.${signature}`,
  rejectsMissingPayload: ({ header, signature }) => `${header}..${signature}`,
  rejectsMissingPayloadAndSeparator: ({ header, signature }) => `${header}.${signature}`,
  // The same members in another order: with another kid the token would be refused for its unknown key, not for its signature.
  rejectsModifiedHeader: ({ head: { alg, kid, typ }, payload, signature }) =>
    `${segment(JSON.stringify({ kid, alg, typ }))}.${payload}.${signature}`,
  rejectsMissingHeader: ({ payload, signature }) => `.${payload}.${signature}`,
  rejectsMissingHeaderAndSeparator: ({ payload, signature }) => `${payload}.${signature}`,
  rejectsMissingHeaderAndSignature: ({ payload }) => `.${payload}.`,
  rejectsMissingHeaderSignatureAndSeparator: ({ payload }) => payload,
  rejectsMissingHeaderSignatureAndSeparators: ({ payload }) => payload,
  rejectsEmptyString: () => '',
  rejectsExtraEmptyComponent: (good) => `${written(good)}.`,
  rejectsExtraComponent: (good) => `${written(good)}.foo`,
  rejectsNoneAlgorithmAndMissingSignature: ({ head, payload }) => `${segment(JSON.stringify({ ...head, alg: 'none' }))}.${payload}.`,
  rejectsValidJsonSerialization: ({ header, payload, signature }) =>
    JSON.stringify({ payload, signatures: [{ protected: header, header: { unknown: 'untrustworthy' }, signature }] }),
  rejectsSymmetryConfusionAttacks_aesKeyFromEcVerificationKeyBytes: ({ key, head, payload }) => {
    const point = Buffer.concat([Buffer.of(4), Buffer.from(key.x as string, 'base64url'), Buffer.from(key.y as string, 'base64url')])
    const input = `${segment(JSON.stringify({ ...head, alg: 'HS256' }))}.${payload}`
    return `${input}.${createHmac('sha256', point).update(input).digest('base64url')}`
  },
  rejectsAttackerProvidedEmbeddedJwk: ({ head, payload }) => {
    const stranger = strangeKey()
    const jwk = createPublicKey(stranger).export({ format: 'jwk' })
    return signed(`${segment(JSON.stringify({ ...head, jwk }))}.${payload}`, stranger)
  },

  rejectsSpacesInMac: ({ header, payload, signature }) => `${header}.${payload}.    ${signature}`,
  rejectsInvalidCharacterInsertedInMac: ({ header, payload, signature }) => `${header}.${payload}.?${signature}`,
  rejects0ReplacedbyInvalidCharacter: ({ header, payload, signature }) => `${header}.${payload}.?${signature.slice(1)}`,
  rejectsInvalidCharacters: ({ header, payload, signature }) => `${header}.${payload}.????${signature.slice(4)}`,
  spacesInHeader: (good) => resigned(good, `${good.header}    `, good.payload),
  invalidCharactersInHeader: (good) => resigned(good, `${good.header}####`, good.payload),
  invalidBase64Padding: (good) => `${written(good)}=`,
  spacesInPayload: (good) => resigned(good, good.header, `    ${good.payload}`),
  invalidCharactersInPayload: (good) => resigned(good, good.header, `####${good.payload}`),
  invalidBase64PaddingInPayload: (good) => resigned(good, good.header, `${good.payload}==`),
  InvalidCharacterInPayload: (good) => resigned(good, good.header, `?${good.payload}`),
  ModifiedUnusedBitsInPayload: ({ header, payload, signature }) => `${header}.${withUnusedBits(payload)}.${signature}`,
  MacOfIncorrectlyEncodedMessage: (good) => resigned(good, good.header, withUnusedBits(good.payload)),

  SignatureTooLong: withNumbers((r, s) => [r, s], 33),
  TrailingZeros: withNumbers((r, s) => [r << 8n, s << 8n], 33),
  RisTooBig: withNumbers((r, s) => [r + ORDER, s], 33),
  SisTooBig: withNumbers((r, s) => [r, s + ORDER], 33),
  IntegerOverflow: withNumbers((r, s) => [r + 2n ** 256n, s], 33),
  BufferOverflow: withNumbers((r, s) => [r, s], 257),
}

/**
 * Damages a valid token in the way in which an invalid vector is damaged.
 *
 * @returns undefined when the comment of the vector is not in `DAMAGES`
 */
export function damaged(good: Pieces, { comment, flags, token }: Vector): string | undefined {
  if (flags.includes('ModifiedPadding')) return withPaddingOf(token, good)
  // Its signature has numbers such as zero or the order of the curve, which do not depend on what is signed.
  if (/^r[A-Z].*_s[A-Z]/.test(comment)) return `${good.header}.${good.payload}.${token.split('.')[2]}`
  return DAMAGES[comment]?.(good)
}

function otherFirst(text: string): string {
  return `${text[0] === 'X' ? 'Y' : 'X'}${text.slice(1)}`
}

/** The order of P-256. */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

/** Replaces the two numbers of an ECDSA signature, and writes each in `bytes` bytes. */
function withNumbers(change: (r: bigint, s: bigint) => [bigint, bigint], bytes: number): Damage {
  return ({ header, payload, signature }) => {
    const hex = Buffer.from(signature, 'base64url').toString('hex')
    const changed = change(BigInt(`0x${hex.slice(0, 64)}`), BigInt(`0x${hex.slice(64)}`))
    const text = changed.map((number) => number.toString(16).padStart(bytes * 2, '0')).join('')
    return `${header}.${payload}.${Buffer.from(text, 'hex').toString('base64url')}`
  }
}

/** Signs with the padding of the vector's signature (RFC 8017 §9.2), around the hash of our own token. */
function withPaddingOf(vector: string, { key, header, payload }: Pieces): string {
  const [input, signature] = [vector.slice(0, vector.lastIndexOf('.')), vector.slice(vector.lastIndexOf('.') + 1)]
  const raw = { key: createPrivateKey({ key, format: 'jwk' }), padding: constants.RSA_NO_PADDING }
  const padded = publicDecrypt(raw, Buffer.from(signature, 'base64url'))
  const [theirs, ours] = [input, `${header}.${payload}`].map((text) => createHash('sha256').update(text).digest()) as [Buffer, Buffer]
  // In some vectors the first or the last byte of the hash is missing or changed.
  for (const [from, to] of [
    [0, 32],
    [0, 31],
    [1, 32],
  ] as const) {
    const at = padded.indexOf(theirs.subarray(from, to))
    if (at >= 0) ours.copy(padded, at, from, to)
  }
  return `${header}.${payload}.${privateEncrypt(raw, padded).toString('base64url')}`
}
