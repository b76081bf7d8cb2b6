import { type Static, Type } from '@sinclair/typebox'
import { ref } from './ref.ts'

// One model for all error answers: generators that know one error type an operation can then do with one for the whole API. What an
// operation answers under a code is shown by examples; those of `commonProblems` hold wherever an operation has none of its own.

const field = (name: string) => Type.Optional(Type.Array(Type.String(), { description: `What is wrong with \`${name}\`.` }))

export const TokenMessage = Type.Object(
  {
    token_class: Type.String({ description: 'As what the token was taken.', examples: ['AccessToken'] }),
    token_type: Type.String({ description: 'The `token_type` that it should have had.', examples: ['access'] }),
    message: Type.String({ description: 'What is wrong with it.', examples: ['Token is invalid or expired'] }),
  },
  { $id: 'TokenMessage', description: 'What is wrong with the token of the `Authorization` header.' },
)

export const Problem = Type.Object(
  {
    title: Type.String({ description: 'The phrase of the status.' }),
    status: Type.Integer({ format: 'int32', description: 'The status, again.' }),
    detail: Type.String({ description: 'What is wrong, for people.' }),
    code: Type.String({
      description:
        'What is wrong, for programs: a code of the table in the description of this document. New ones may come: take one that you do ' +
        'not know by its status.',
    }),
    message: Type.Optional(Type.String({ description: 'The same as `detail`, where clients of the original API read it.' })),
    messages: Type.Optional(Type.Array(ref(TokenMessage), { description: 'What is wrong with the token of the `Authorization` header.' })),
    username: field('username'),
    password: field('password'),
    current_password: field('current_password'),
    new_password: field('new_password'),
    refresh: field('refresh'),
    token: field('token'),
    is_active: field('is_active'),
    is_staff: field('is_staff'),
    is_superuser: field('is_superuser'),
    search: field('search'),
    user: field('user'),
    kind: field('kind'),
    limit: field('limit'),
    cursor: field('cursor'),
    non_field_errors: Type.Optional(Type.Array(Type.String(), { description: 'What is wrong with the body as a whole.' })),
    errors: Type.Optional(
      // Not `Type.Record`, which says `patternProperties`: generators make no type of that.
      Type.Unsafe<Record<string, string[]>>({
        type: 'object',
        additionalProperties: { type: 'array', items: { type: 'string' } },
        description: 'The errors of fields and of the body again, by the name of the member.',
      }),
    ),
    error: Type.Optional(Type.String({ description: 'The same as `code`, where RFC 6749 §5.2 has it.' })),
  },
  { $id: 'Problem', description: 'A problem of RFC 9457 §3.1.' },
)

/** An error answer, but for the title, and the status where its code has one only. */
export type ProblemExample = Pick<Static<typeof Problem>, 'code' | 'detail'> & Partial<Static<typeof Problem>>

const required = ['This field is required.']
const throttled = {
  code: 'throttled',
  detail: 'Request was throttled. Expected available in 1 second.',
  message: 'Request was throttled. Expected available in 1 second.',
}
const crossSite = {
  code: 'cross_site',
  detail: 'Pages of this origin may not send passwords: it is not in CORS_ORIGINS.',
  message: 'Pages of this origin may not send passwords: it is not in CORS_ORIGINS.',
}
const tokenFault = { code: 'token_not_valid', detail: 'Token is invalid or expired' }

export const commonProblems: readonly ProblemExample[] = [
  { code: 'parse_error', detail: 'JSON parse error - the body is not valid JSON.' },
  { code: 'bad_request', detail: 'The request cannot be understood.' },
  { code: 'no_active_account', detail: 'No active account found with the given credentials' },
  { code: 'user_not_found', detail: 'User not found' },
  { code: 'user_inactive', detail: 'User is inactive' },
  { code: 'not_authenticated', detail: 'Authentication credentials were not provided.' },
  { code: 'not_found', detail: 'Not found.' },
  { code: 'permission_denied', detail: 'You do not have permission to perform this action.' },
  { code: 'conflict', detail: 'This is the last active superuser. Make another one first.' },
  { code: 'cross_site', detail: 'Pages of this origin may not send passwords: it is not in CORS_ORIGINS.' },
  { code: 'registration_closed', detail: 'Registration is closed.' },
  { code: 'request_timeout', detail: 'The request did not arrive in time.' },
  { code: 'payload_too_large', detail: 'The body is larger than 16 KiB.' },
  { code: 'unsupported_media_type', detail: 'Unsupported media type "text/plain" in request.' },
  { code: 'headers_too_large', detail: 'The headers are larger than 16 KiB.' },
  { code: 'throttled', detail: 'Request was throttled. Expected available in 1 second.' },
  { code: 'internal_error', detail: 'The service failed. Its log tells why, under the request id.' },
  { code: 'overloaded', detail: 'Too many writes are waiting. Try again later.' },
  { code: 'database_unavailable', detail: 'The database does not answer. Try again later.' },
  { code: 'stopping', detail: 'The service is stopping. Try again.' },
]

export const credentialsProblems: readonly ProblemExample[] = [
  { code: 'invalid', detail: 'Not valid: password.', password: required, errors: { password: required } },
]

export const loginProblems: readonly ProblemExample[] = [
  { code: 'invalid', detail: 'Username and password are required', message: 'Username and password are required' },
  { code: 'invalid_credentials', detail: 'Invalid username or password', message: 'Invalid username or password' },
  crossSite,
  throttled,
]

export const refreshProblems: readonly ProblemExample[] = [
  { code: 'invalid', detail: 'Not valid: refresh.', refresh: required, errors: { refresh: required } },
  { code: 'no_active_account', detail: 'No active account found for the given token.' },
  tokenFault,
]

export const verifyProblems: readonly ProblemExample[] = [
  { code: 'invalid', detail: 'Not valid: token.', token: required, errors: { token: required } },
  tokenFault,
]

export const refreshAndVerifyProblems: readonly ProblemExample[] = [
  { code: 'invalid', detail: 'Refresh token is required', message: 'Refresh token is required' },
  { code: 'token_not_valid', detail: 'Invalid refresh token', message: 'Invalid refresh token' },
  throttled,
]

/** The problems of endpoints that require an access token. */
export const bearerProblems: readonly ProblemExample[] = [
  { code: 'bad_authorization_header', detail: 'Authorization header must contain two space-delimited values' },
  {
    code: 'token_not_valid',
    detail: 'Given token not valid for any token type',
    messages: [{ token_class: 'AccessToken', token_type: 'access', message: 'Token is invalid or expired' }],
  },
]

const wrongPassword = ['Invalid password.']

export const passwordChangeProblems: readonly ProblemExample[] = [
  {
    code: 'invalid',
    detail: 'Not valid: current_password.',
    current_password: wrongPassword,
    errors: { current_password: wrongPassword },
  },
  ...bearerProblems,
]

/** The problems of lists. */
export const listProblems: readonly ProblemExample[] = [
  { code: 'invalid', detail: 'Not valid: cursor.', cursor: ['Invalid cursor'], errors: { cursor: ['Invalid cursor'] } },
  ...bearerProblems,
]

export const accountDeletionProblems: readonly ProblemExample[] = [
  { code: 'invalid', detail: 'Not valid: password.', password: wrongPassword, errors: { password: wrongPassword } },
  ...bearerProblems,
]

export const oAuthProblems: readonly ProblemExample[] = [
  { code: 'invalid_request', detail: 'The parameter `token` is missing.', error: 'invalid_request' },
  { code: 'invalid_client', detail: 'Client authentication failed.', error: 'invalid_client' },
]

export const headerProblems: readonly ProblemExample[] = [
  ...loginProblems,
  {
    code: 'authorization_header_required',
    detail: 'Authorization header is required',
    message: 'Authorization header is required',
  },
  {
    code: 'bad_authorization_header',
    status: 400,
    detail: "Invalid Authorization header format. Expected 'Bearer <token>'.",
    message: "Invalid Authorization header format. Expected 'Bearer <token>'.",
  },
  ...bearerProblems,
  {
    code: 'token_user_mismatch',
    detail: 'Token does not belong to the authenticated user',
    message: 'Token does not belong to the authenticated user',
  },
]
