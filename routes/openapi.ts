import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'

const routes: FastifyPluginAsyncTypebox = async (app) => {
  /** A Buffer, which all answers share: of a string, Node would hold a copy for every client that does not read its answer. */
  let document: Buffer | undefined

  app.get('/openapi.json', { schema: { hide: true } }, async (_request, reply) => {
    document ??= Buffer.from(JSON.stringify(app.apiDocument()))
    return reply.type('application/json').send(document)
  })
}

export default routes
