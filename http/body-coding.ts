import { isAscii } from 'node:buffer'
import type { IncomingHttpHeaders } from 'node:http'
import { Problem } from '../domain/errors.ts'

/**
 * Charsets whose ASCII bytes are read as in UTF-8, and that much used clients name whatever they send: ISO-8859-1 and US-ASCII, by their
 * names in IANA's registry of character sets, and as some clients spell them.
 */
const LATIN_1 = 'iso-8859-1 iso_8859-1 iso_8859-1:1987 iso-ir-100 latin1 l1 ibm819 cp819 csisolatin1 iso8859-1 iso8859_1'
const ASCII = 'us-ascii ansi_x3.4-1968 ansi_x3.4-1986 iso_646.irv:1991 iso646-us iso-ir-6 us ibm367 cp367 csascii ascii'
const asciiCharsets: ReadonlySet<string> = new Set(`${LATIN_1} ${ASCII}`.split(' '))

/** Codings that leave the bytes as they are. Some clients write the charset into `Content-Encoding`, which is a mistake that does no harm. */
const plainCodings: ReadonlySet<string> = new Set(['', 'identity', 'utf-8', 'utf8', 'chunked'])

/**
 * Refuses a body that is compressed, as a whole (RFC 9110 §8.4) or for its transfer (RFC 9112 §6.1).
 *
 * @throws {Problem} `unsupported_media_type`
 */
export function refuseCompressed(headers: IncomingHttpHeaders): void {
  const content = headers['content-encoding']
  // RFC 9110 §12.5.3: in a 415 it says that the coding was the reason. So it stands in no 415 with another one.
  if (!isPlain(content)) throw compressed(`Content-Encoding: ${content}`, { 'accept-encoding': 'identity' })
  const transfer = headers['transfer-encoding']
  if (!isPlain(transfer)) throw compressed(`Transfer-Encoding: ${transfer}`)
}

/** Whether a body can be read as UTF-8, as far as the `charset` of its `Content-Type` says; without one it can. */
export function isAsUtf8(headers: IncomingHttpHeaders, body: Buffer): boolean {
  const [, charset = 'utf-8'] = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(headers['content-type'] ?? '') ?? []
  return /^utf-?8$/i.test(charset) || (asciiCharsets.has(charset.toLowerCase()) && isAscii(body))
}

function isPlain(codings = ''): boolean {
  return codings.split(',').every((coding) => plainCodings.has(coding.trim().toLowerCase()))
}

function compressed(header: string, headers: Record<string, string> = {}): Problem {
  return new Problem('unsupported_media_type', `The body is compressed, as the header "${header}" says: send it as it is.`, { headers })
}
