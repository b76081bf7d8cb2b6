import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import manifest from '../package.json' with { type: 'json' }
import { codeTable } from './api-document.ts'

const description = `Registers users, logs them in, and issues, refreshes, verifies and revokes JSON Web Tokens.

Bodies are JSON, in UTF-8 and not compressed, of at most 16 KiB. Everywhere a body may be a form
(\`application/x-www-form-urlencoded\`) of the same members instead. Paths work with and without their last slash.

Answers may get further members, and errors further codes, without a new major version: clients pass over what they do not know.

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
    description: 'With 401: for a bearer token (RFC 6750 §3), except where the answer has `message`; `Basic` for a client (RFC 6749 §5.2).',
    schema: { type: 'string' },
    example: 'Bearer realm="api"',
  },
  AcceptEncoding: {
    description: 'With 415, where the body is compressed: it is to be sent as it is (RFC 9110 §12.5.3).',
    schema: { type: 'string' },
    example: 'identity',
  },
  RetryAfter: {
    description: 'With 429 and 503, always: in how many seconds to try again.',
    schema: { type: 'integer', format: 'int32', minimum: 1 },
    example: 1,
  },
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
    info: {
      title: 'Latchkey',
      version: manifest.version,
      description,
      contact: { name: 'The authors of Latchkey' },
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: server }],
    tags: [
      { name: 'users', description: 'Registration and login' },
      { name: 'account', description: 'My account and my sessions' },
      { name: 'administration', description: 'The accounts and sessions of others, for staff' },
      { name: 'tokens', description: 'Obtaining, refreshing, verifying and revoking tokens' },
      { name: 'service', description: 'Keys and health' },
    ],
    components: {
      securitySchemes: {
        accessToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: accessToken },
        clientSecretBasic: { type: 'http', scheme: 'basic', description: client },
      },
      headers,
    },
  }) satisfies FastifyDynamicSwaggerOptions['openapi']
