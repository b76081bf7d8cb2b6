import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { inOpenApi30 } from '../http/openapi-3.0.ts'

const routes: FastifyPluginAsyncTypebox = async (app) => {
  /**
   * Made at the first request. A Buffer, which all answers share: of a string, Node would hold a copy for every client that does not read
   * its answer.
   */
  const documents = {
    '/openapi.json': once(() => Buffer.from(JSON.stringify(app.apiDocument()))),
    '/openapi-3.0.json': once(() => Buffer.from(JSON.stringify(inOpenApi30(app.apiDocument())))),
  }

  for (const [path, document] of Object.entries(documents)) {
    app.get(path, { schema: { hide: true } }, async (_request, reply) => reply.type('application/json').send(document()))
  }
}

function once<T>(make: () => T): () => T {
  let made: T | undefined
  return () => {
    made ??= make()
    return made
  }
}

export default routes
