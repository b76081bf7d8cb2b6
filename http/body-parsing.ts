import type { FastifyRequest } from 'fastify'
import { parse } from 'secure-json-parse'
import { oauthProblem, Problem } from '../domain/errors.ts'
import { isAsUtf8, refuseCompressed } from './body-coding.ts'

// What goes wrong with a body is answered in fixed words, never with a piece of the body, which may be a password.

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** RFC 9110 §8.3.1, without the parameters. */
const MEDIA_TYPE = /^ *[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+ *(;|$)/

/** Whether a `Content-Type` has the form of one: type, slash, subtype. */
export function isMediaType(contentType: string): boolean {
  return MEDIA_TYPE.test(contentType)
}

/**
 * A body, parsed; an empty one is an empty object, whatever its type and coding.
 *
 * @param parseText the parser for the body's type; undefined for a type that is not supported
 * @throws {Problem} `unsupported_media_type` for a compressed body and for another type or charset, `parse_error` for bytes that are not
 *   UTF-8
 */
export function parseBody(request: FastifyRequest, body: Buffer, parseText?: (text: string) => unknown): unknown {
  if (body.length === 0) return {}
  refuseCompressed(request.headers)
  if (parseText === undefined || !isAsUtf8(request.headers, body)) throw unsupported(request)
  return parseText(decode(body))
}

/**
 * A JSON value. Of a member given twice the last wins, also where a form would be refused: the parser shows no more than one of them.
 *
 * @throws {Problem} `parse_error`
 */
export function parseJson(text: string): unknown {
  if (text.startsWith('\ufeff')) throw parseError('a byte order mark is not allowed.')
  try {
    return parse(text, { protoAction: 'remove', constructorAction: 'ignore' })
  } catch {
    throw parseError('the body is not valid JSON.')
  }
}

/**
 * The fields of a urlencoded form. Of a name given twice the last wins, as in JSON.
 *
 * @throws {Problem} `parse_error`
 */
export function parseForm(text: string): unknown {
  return fieldsOf(formParameters(text))
}

/**
 * The parameters of an OAuth request. None may come twice, whether it is known, has a value or has not (RFC 6749 §3.1): two readers of
 * the request could act on different ones.
 *
 * @throws {Problem} `parse_error`, or `invalid_request` when a parameter comes twice
 */
export function parseOAuthForm(text: string): unknown {
  const parameters = formParameters(text)
  const names = new Set(parameters.keys())
  if (names.size < parameters.size) throw oauthProblem('invalid_request', 'A parameter is included more than once.')
  return fieldsOf(parameters)
}

function fieldsOf(parameters: URLSearchParams): unknown {
  const { __proto__: _, ...fields } = Object.fromEntries(parameters)
  return fields
}

/** @throws {Problem} `parse_error` */
function formParameters(text: string): URLSearchParams {
  try {
    // URLSearchParams puts replacement characters for bytes that are not UTF-8, and would so change a password; this throws.
    for (const [escapes] of text.matchAll(/(?:%[0-9a-f]{2})+/gi)) decodeURIComponent(escapes)
  } catch {
    throw new Problem('parse_error', 'Form parse error - the form is not valid UTF-8.')
  }
  return new URLSearchParams(text)
}

function unsupported({ raw: { rawHeaders } }: FastifyRequest): Problem {
  const at = rawHeaders.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === 'content-type')
  return new Problem('unsupported_media_type', `Unsupported media type "${at < 0 ? '' : rawHeaders[at + 1]}" in request.`)
}

function decode(body: Buffer): string {
  try {
    return utf8.decode(body)
  } catch {
    throw parseError('the body is not valid UTF-8.')
  }
}

function parseError(reason: string): Problem {
  return new Problem('parse_error', `JSON parse error - ${reason}`)
}
