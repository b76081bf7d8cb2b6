import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { parse } from 'secure-json-parse'
import { Problem } from '../domain/errors.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** RFC 9110 §8.3.1, less its parameters. */
const MEDIA_TYPE = /^ *[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+ *(;|$)/

/**
 * Bodies: JSON and urlencoded forms, in UTF-8 only. An empty body is an empty object, whatever its type. Answers
 * never repeat a piece of the body, which may be a password.
 */
export default fp(
  async (app) => {
    app.removeAllContentTypeParsers()
    const parser = (parseText: (text: string) => unknown) => async (request: FastifyRequest, body: Buffer) => {
      if (body.length === 0) return {}
      if (!isUtf8(request)) throw unsupported(request)
      return parseText(decode(body))
    }
    app.addContentTypeParser('application/json', { parseAs: 'buffer' }, parser(parseJson))
    app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'buffer' }, parser(parseForm))
    app.addContentTypeParser('*', { parseAs: 'buffer' }, async (request: FastifyRequest, body: Buffer) => {
      if (body.length === 0) return {}
      throw unsupported(request)
    })
    // A type that is none would be refused before the body is known to be empty: it goes the way of any other type.
    app.addHook('onRequest', ({ raw }, _reply, done) => {
      const type = raw.headers['content-type']
      if (type !== undefined && !MEDIA_TYPE.test(type)) delete raw.headers['content-type']
      done()
    })
    app.addHook('preValidation', (request, _reply, done) => {
      if (request.body === undefined) request.body = {}
      done()
    })
  },
  { name: 'body-parsers' },
)

/** Whether the `charset` of the content type, if any, is UTF-8. */
function isUtf8({ headers }: FastifyRequest): boolean {
  const [, charset] = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(headers['content-type'] ?? '') ?? []
  return charset === undefined || /^utf-?8$/i.test(charset)
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

function parseJson(text: string): unknown {
  if (text.startsWith('\ufeff')) throw parseError('a byte order mark is not allowed.')
  try {
    return parse(text, { protoAction: 'remove', constructorAction: 'ignore' })
  } catch {
    throw parseError('the body is not valid JSON.')
  }
}

/** Of a name given twice the last wins, as in JSON. */
function parseForm(text: string): unknown {
  try {
    // URLSearchParams would put a replacement character where the bytes are not UTF-8.
    for (const [escapes] of text.matchAll(/(?:%[0-9a-f]{2})+/gi)) decodeURIComponent(escapes)
  } catch {
    throw new Problem('parse_error', 'Form parse error - the form is not valid UTF-8.')
  }
  const { __proto__: _, ...form } = Object.fromEntries(new URLSearchParams(text))
  return form
}

function parseError(reason: string): Problem {
  return new Problem('parse_error', `JSON parse error - ${reason}`)
}
