/** The header of our tokens: exactly these members. */
export interface TokenHeader {
  readonly alg: string
  readonly kid: string
  readonly typ: string
}

export interface ParsedToken {
  readonly header: TokenHeader
  readonly payload: Readonly<Record<string, unknown>>
}

/** Longer ones are refused unread; ours have some 500 characters. */
const MAX_TOKEN_LENGTH = 8192
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/
/** The last characters that a segment may end with when its length leaves 2 or 3 over: the unused bits are zero. */
const LAST_OF_TWO = /[AQgw]$/
const LAST_OF_THREE = /[AEIMQUYcgkosw048]$/

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Header and payload of a token.
 *
 * @returns undefined for anything that is not three segments of strict base64url (RFC 7515 §2, RFC 4648 §3.5), of which
 *   two are JSON objects in UTF-8 and the header has exactly `alg`, `kid` and `typ`
 */
export function parseToken(token: string): ParsedToken | undefined {
  if (token.length > MAX_TOKEN_LENGTH || !COMPACT.test(token)) return undefined
  const [headerSegment, payloadSegment, signature] = token.split('.') as [string, string, string]
  const header = parseObject(headerSegment)
  if (header === undefined || !isTokenHeader(header) || !isCanonical(signature)) return undefined
  const payload = parseObject(payloadSegment)
  return payload && { header, payload }
}

function isTokenHeader(header: Record<string, unknown>): header is Record<string, unknown> & TokenHeader {
  const { alg, kid, typ } = header
  return typeof alg === 'string' && typeof kid === 'string' && typeof typ === 'string' && Object.keys(header).length === 3
}

function parseObject(segment: string): Record<string, unknown> | undefined {
  if (!isCanonical(segment)) return undefined
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
