import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import manifest from '../package.json' with { type: 'json' }
import { codeTable } from './api-document.ts'

const description = `Registers users, logs them in, and issues, refreshes, verifies and revokes JSON Web Tokens.

Bodies are JSON or urlencoded forms, in UTF-8 and not compressed. Paths work with and without their last slash.

**Access tokens** come from a login: \`POST /api/token/\` answers a username and a password with \`access\`, which lives five minutes by
default, and \`refresh\`, for which \`POST /api/token/refresh/\` answers the next ones. Send \`access\` as
\`Authorization: Bearer …\`; here, put it under *Authorize*.

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
  AcceptEncoding: {
    description: 'RFC 9110 §12.5.3. Present where the body is compressed: it is to be sent as it is.',
    schema: { type: 'string' },
    example: 'identity',
  },
  RetryAfter: { description: 'In seconds.', required: true, schema: { type: 'integer', minimum: 1 }, example: 1 },
} as const

const accessToken = `An access token: the member \`access\` of what \`POST /api/token/\` answers to a username and a password, and
\`POST /api/token/refresh/\` to a refresh token. Paste it without \`Bearer\`.`

const client = `A \`client_id\` and its \`client_secret\`, each form-urlencoded. The operator makes them by \`latchkey clients create NAME\`.`

/**
 * What the API document says beside its paths and schemas.
 *
 * @param server the URL of the service, absolute or relative to that of the document
 */
export const describeApi = (server: string) =>
  ({
    openapi: '3.1.0',
    info: { title: 'Latchkey', version: manifest.version, description, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: server }],
    tags: [
      { name: 'users', description: 'Registration and login' },
      { name: 'account', description: 'My account and my sessions' },
      { name: 'tokens', description: 'Obtaining, refreshing, verifying and revoking tokens' },
      { name: 'service', description: 'Keys and health' },
    ],
    components: {
      securitySchemes: {
        accessToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: accessToken },
        client: { type: 'http', scheme: 'basic', description: client },
      },
      headers,
    },
  }) satisfies FastifyDynamicSwaggerOptions['openapi']
