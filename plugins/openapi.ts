import swagger, { type SwaggerTransformObject } from '@fastify/swagger'
import fp from 'fastify-plugin'
import { type ApiDocument, codeTable, completeDocument, type OperationProblems } from '../http/api-document.ts'
import * as account from '../schemas/account.ts'
import * as credentials from '../schemas/credentials.ts'
import * as introspection from '../schemas/introspection.ts'
import * as service from '../schemas/service.ts'
import * as tokens from '../schemas/tokens.ts'
import { version } from '../version.ts'

declare module 'fastify' {
  interface FastifySchema {
    /** The error answers, for the document alone: they are rendered in one place and need no serializer. */
    problems?: OperationProblems
    /** The `Cache-Control` of the success answer, for the document. */
    cacheControl?: string
  }
  interface FastifyInstance {
    /** The API document. It depends on no setting; it is made when it is first asked for. */
    apiDocument(): ApiDocument
  }
}

const description = `Registers users, logs them in, and issues, refreshes, verifies and revokes JSON Web Tokens.

Bodies are JSON or urlencoded forms, in UTF-8. Paths work with and without their last slash.

Every error is a problem document (RFC 9457) with a stable \`code\`. An unknown path is 404, a method that a path does not know is 405.

<details><summary>The codes</summary>

${codeTable}

</details>`

const headers = {
  RequestId: {
    description: 'The id of the request in the log: that of the request when it is short and plain, else a new one.',
    required: true,
    schema: { type: 'string' },
    example: '7d1f7c1e-54d6-4f0e-b7a3-2f5b8f6f2f0c',
  },
  NoStore: {
    description: 'Nothing of the answer is to be kept.',
    required: true,
    schema: { type: 'string' },
    example: 'no-store',
  },
  Challenge: {
    description: 'RFC 6750 §3. Absent where credentials of the body are wrong.',
    schema: { type: 'string' },
    example: 'Bearer realm="api"',
  },
  BasicChallenge: {
    description: 'RFC 6749 §5.2.',
    required: true,
    schema: { type: 'string' },
    example: 'Basic realm="api"',
  },
  RetryAfter: { description: 'In seconds.', required: true, schema: { type: 'integer', minimum: 1 }, example: 1 },
} as const

const complete: SwaggerTransformObject = (document) =>
  completeDocument((document as { openapiObject: unknown }).openapiObject as ApiDocument) as unknown as ReturnType<SwaggerTransformObject>

/** The API document, made from the routes' schemas. */
export default fp(
  async (app) => {
    for (const schema of Object.values({ ...account, ...credentials, ...introspection, ...tokens, ...service })) app.addSchema(schema)
    await app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: { title: 'Latchkey', version, description, license: { name: 'MIT', identifier: 'MIT' } },
        servers: [{ url: '/' }],
        tags: [
          { name: 'users', description: 'Registration and login' },
          { name: 'account', description: 'My account and my sessions' },
          { name: 'tokens', description: 'Obtaining, refreshing, verifying and revoking tokens' },
          { name: 'service', description: 'Keys and health' },
        ],
        components: {
          securitySchemes: {
            accessToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'An access token.' },
            client: { type: 'http', scheme: 'basic', description: 'A `client_id` and its `client_secret`, each form-urlencoded.' },
          },
          headers,
        },
      },
      refResolver: { buildLocalReference: (json, _base, _fragment, i) => (json.$id as string | undefined) ?? `def-${i}` },
      // Members that begin with `x-` are those that reach transformObject.
      transform: ({ schema, url }) => ({
        url,
        schema: { ...schema, 'x-problems': schema?.problems, 'x-cache-control': schema?.cacheControl },
      }),
      transformObject: complete,
    })
    app.decorate('apiDocument', () => app.swagger() as unknown as ApiDocument)
  },
  { name: 'openapi' },
)
