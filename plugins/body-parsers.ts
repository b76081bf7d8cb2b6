import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { isMediaType, parseBody, parseForm, parseJson, parseOAuthForm } from '../http/body-parsing.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether a parameter that comes twice in a form is refused, before anything else is looked at. */
    isOAuth?: true
  }
}

/** Bodies: JSON and urlencoded forms, in UTF-8 and not compressed. A body that is missing or empty is an empty object, whatever its type. */
export default fp(
  async (app) => {
    app.removeAllContentTypeParsers()
    const parser = (parseText?: (text: string) => unknown) => async (request: FastifyRequest, body: Buffer) =>
      parseBody(request, body, parseText)
    app.addContentTypeParser('application/json', { parseAs: 'buffer' }, parser(parseJson))
    app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'buffer' }, async (request: FastifyRequest, body: Buffer) =>
      parseBody(request, body, request.routeOptions.config.isOAuth ? parseOAuthForm : parseForm),
    )
    app.addContentTypeParser('*', { parseAs: 'buffer' }, parser())
    // Fastify refuses a malformed type even when the body is empty. With the header removed, the parser for all other types decides.
    app.addHook('onRequest', ({ raw }, _reply, done) => {
      const type = raw.headers['content-type']
      if (type !== undefined && !isMediaType(type)) delete raw.headers['content-type']
      done()
    })
    app.addHook('preValidation', (request, _reply, done) => {
      if (request.body === undefined) request.body = {}
      done()
    })
  },
  { name: 'body-parsers' },
)
