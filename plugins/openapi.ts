import swagger, { type SwaggerTransformObject } from '@fastify/swagger'
import fp from 'fastify-plugin'
import { type Config, defaultPublicUrl } from '../config.ts'
import { describeApi } from '../http/api-description.ts'
import { type ApiDocument, completeDocument, type OperationProblems } from '../http/api-document.ts'
import * as account from '../schemas/account.ts'
import * as administration from '../schemas/administration.ts'
import * as credentials from '../schemas/credentials.ts'
import * as introspection from '../schemas/introspection.ts'
import * as problems from '../schemas/problems.ts'
import * as service from '../schemas/service.ts'
import * as tokens from '../schemas/tokens.ts'

declare module 'fastify' {
  interface FastifySchema {
    /** The error answers, for the document alone: they are rendered in one place and need no serializer. */
    problems?: OperationProblems
    /** The `Cache-Control` of the success answer, for the document. */
    cacheControl?: string
  }
  interface FastifyInstance {
    /** The API document. But for its server it is the same under all settings. */
    apiDocument(): ApiDocument
  }
}

/** The API document, made from the routes' schemas. */
export default fp(
  async (app) => {
    for (const schema of named({ ...account, ...administration, ...credentials, ...introspection, ...problems, ...service, ...tokens }))
      app.addSchema(schema)
    await app.register(swagger, {
      openapi: describeApi(serverUrl(app.config)),
      refResolver: { buildLocalReference: (json, _base, _fragment, i) => (json.$id as string | undefined) ?? `def-${i}` },
      // @fastify/swagger passes only members that begin with `x-` on to transformObject.
      transform: ({ schema, url }) => ({
        url,
        schema: { ...schema, 'x-problems': schema?.problems, 'x-cache-control': schema?.cacheControl },
      }),
      transformObject: completeDocument as unknown as SwaggerTransformObject,
    })
    app.decorate('apiDocument', () => app.swagger() as unknown as ApiDocument)
  },
  { name: 'openapi' },
)

/** The schemas that have a name of their own in the document. Parameters and headers have none: they are written out there. */
function named(schemas: Record<string, object>): object[] {
  return Object.values(schemas).filter((schema) => '$id' in schema)
}

/** While `PUBLIC_URL` is unset nobody has said where clients reach the service: then it is wherever the document came from. */
function serverUrl(config: Pick<Config, 'publicUrl' | 'port'>): string {
  return config.publicUrl === defaultPublicUrl(config) ? '/' : config.publicUrl
}
