import swagger from '@fastify/swagger'
import type { TSchema } from '@sinclair/typebox'
import fp from 'fastify-plugin'
import type { AppOptions } from '../app.ts'
import { type ProblemCode, problems } from '../domain/errors.ts'
import * as credentials from '../schemas/credentials.ts'
import * as problemSchemas from '../schemas/problems.ts'
import { ref } from '../schemas/ref.ts'
import * as service from '../schemas/service.ts'
import * as tokens from '../schemas/tokens.ts'
import { version } from '../version.ts'

/** The API document, made from the routes' schemas. */
export default fp<AppOptions>(
  async (app, { config }) => {
    for (const schema of Object.values({ ...credentials, ...tokens, ...problemSchemas, ...service })) app.addSchema(schema)
    await app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'Latchkey',
          version,
          description:
            'Registers users, logs them in, and issues, refreshes and verifies JSON Web Tokens. ' +
            'Paths work with and without their last slash. Every error is a problem document (RFC 9457) with a stable `code`.',
          license: { name: 'MIT', identifier: 'MIT' },
        },
        servers: [{ url: config.publicUrl }],
        tags: [
          { name: 'users', description: 'Registration and login' },
          { name: 'tokens', description: 'Obtaining, refreshing and verifying tokens' },
          { name: 'service', description: 'Keys and health' },
        ],
        components: {
          securitySchemes: {
            accessToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'An access token.' },
          },
        },
      },
      refResolver: { buildLocalReference: (json, _base, _fragment, i) => (json.$id as string | undefined) ?? `def-${i}` },
    })
  },
  { name: 'openapi' },
)

/** What any request can be answered with, whatever its path. */
const always: ProblemCode[] = ['bad_request', 'request_timeout', 'headers_too_large', 'internal_error', 'stopping']
/** What a request with a body can be answered with, too. */
const withBody: ProblemCode[] = ['parse_error', 'payload_too_large', 'unsupported_media_type', 'database_unavailable', 'overloaded']

/**
 * The documented error answers of an operation, by status.
 *
 * @param schema the operation's problem schema: one an operation, so that a client has one type of error
 * @param codes beside those that any operation with a body can answer
 */
export function bodyProblems(schema: TSchema, ...codes: ProblemCode[]): Record<number, object> {
  return plainProblems(schema, ...codes, ...withBody)
}

/** The same for operations without a body. */
export function plainProblems(schema: TSchema, ...codes: ProblemCode[]): Record<number, object> {
  const answers: Record<number, { description: string; content: object }> = {}
  for (const code of [...codes, ...always]) {
    for (const status of problems[code].statuses) {
      const description = [answers[status]?.description, `\`${code}\`: ${problems[code].when}`].filter(Boolean).join('; ')
      answers[status] = { description, content: { 'application/problem+json': { schema: ref(schema) } } }
    }
  }
  return answers
}
