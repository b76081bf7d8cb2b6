/** The header of our tokens: exactly these members. */
export interface TokenHeader {
  readonly alg: string
  readonly kid: string
  readonly typ: string
}

/** The header of a legacy token, one of the system that users came from: exactly these members. */
export interface LegacyHeader {
  readonly alg: string
  readonly typ: 'JWT'
}

type Payload = Readonly<Record<string, unknown>>

/** A token of ours, as far as its header says. */
export interface ParsedToken {
  readonly isLegacy: false
  readonly header: TokenHeader
  readonly payload: Payload
}

export interface ParsedLegacyToken {
  readonly isLegacy: true
  readonly header: LegacyHeader
  readonly payload: Payload
}

/** The segments of a token as they are written, and what its signature is made over. */
export interface TokenSegments {
  readonly header: string
  readonly payload: string
  readonly signature: string
  readonly signed: string
}

/** A longer token is refused before it is parsed; ours have some 500 characters. */
const MAX_TOKEN_LENGTH = 8192
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/
/** What a segment of length 4n + 2 or 4n + 3 may end with: its last character has unused bits, which must be zero. */
const LAST_OF_TWO = /[AQgw]$/
const LAST_OF_THREE = /[AEIMQUYcgkosw048]$/

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The segments of a token.
 *
 * @returns undefined for anything that is not three of them in strict base64url (RFC 7515 §2, RFC 4648 §3.5), none empty
 */
export function splitToken(token: string): TokenSegments | undefined {
  if (token.length > MAX_TOKEN_LENGTH || !COMPACT.test(token)) return undefined
  const [header, payload, signature] = token.split('.') as [string, string, string]
  if (![header, payload, signature].every(isCanonical)) return undefined
  return { header, payload, signature, signed: `${header}.${payload}` }
}

/**
 * Header and payload of a token, and which kind it is: the header of ours has exactly `alg`, `kid` and `typ`, that of a legacy one exactly `alg`
 * and `typ`. Whatever has another is neither.
 *
 * @returns undefined for what `splitToken` refuses, and unless both are JSON objects in UTF-8 and the header is one of these two
 */
export function parseToken(token: string): ParsedToken | ParsedLegacyToken | undefined {
  const segments = splitToken(token)
  if (segments === undefined) return undefined
  const header = parseObject(segments.header)
  const payload = parseObject(segments.payload)
  if (header === undefined || payload === undefined) return undefined
  if (isTokenHeader(header)) return { isLegacy: false, header, payload }
  return isLegacyHeader(header) ? { isLegacy: true, header, payload } : undefined
}

function isTokenHeader(header: Record<string, unknown>): header is Record<string, unknown> & TokenHeader {
  const { alg, kid, typ } = header
  return typeof alg === 'string' && typeof kid === 'string' && typeof typ === 'string' && Object.keys(header).length === 3
}

function isLegacyHeader(header: Record<string, unknown>): header is Record<string, unknown> & LegacyHeader {
  return typeof header.alg === 'string' && header.typ === 'JWT' && Object.keys(header).length === 2
}

/** A segment of strict base64url that is a JSON object in UTF-8. */
export function parseObject(segment: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(utf8.decode(Buffer.from(segment, 'base64url')))
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** Whether a base64url text is the one way to write its bytes (RFC 4648 §3.5). */
function isCanonical(segment: string): boolean {
  const over = segment.length % 4
  if (over === 2) return LAST_OF_TWO.test(segment)
  if (over === 3) return LAST_OF_THREE.test(segment)
  return over === 0
}
