import { Type } from '@sinclair/typebox'
import { problems } from '../domain/errors.ts'

// The shapes of the error answers. The API document makes a named schema for each operation from them, with the codes that the
// operation can answer. Examples are by code: a shape that has none for a code shows that of `ProblemShape`.

/** RFC 9457 §3.1, with a stable `code`. */
const members = {
  title: Type.String({ description: 'The phrase of the status.' }),
  status: Type.Integer({ description: 'The status, again.' }),
  detail: Type.String({ description: 'What is wrong, for people.' }),
  code: Type.String({ enum: Object.keys(problems), description: 'What is wrong, for programs.' }),
}
const message = Type.Optional(Type.String({ description: 'The same as `detail`, for the problems of this operation.' }))
const messages = Type.Array(Type.String())
const field = Type.Optional(messages)
const errors = Type.Optional(Type.Record(Type.String(), messages, { description: 'The same errors by field.' }))

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

export const ProblemShape = Type.Object(members, {
  examples: [
    { code: 'parse_error', detail: 'JSON parse error - the body is not valid JSON.' },
    { code: 'bad_request', detail: 'The request cannot be understood.' },
    { code: 'no_active_account', detail: 'No active account found with the given credentials' },
    { code: 'user_not_found', detail: 'User not found' },
    { code: 'user_inactive', detail: 'User is inactive' },
    { code: 'not_authenticated', detail: 'Authentication credentials were not provided.' },
    { code: 'not_found', detail: 'Not found.' },
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
  ],
})

export const CredentialsProblem = Type.Object(
  { ...members, username: field, password: field, non_field_errors: field, errors },
  { examples: [{ code: 'invalid', detail: 'Not valid: password.', password: required, errors: { password: required } }] },
)

export const LoginProblem = Type.Object(
  { ...members, message },
  {
    examples: [
      { code: 'invalid', detail: 'Username and password are required', message: 'Username and password are required' },
      { code: 'invalid_credentials', detail: 'Invalid username or password', message: 'Invalid username or password' },
      crossSite,
      throttled,
    ],
  },
)

export const RefreshProblem = Type.Object(
  { ...members, refresh: field, non_field_errors: field, errors },
  {
    examples: [
      { code: 'invalid', detail: 'Not valid: refresh.', refresh: required, errors: { refresh: required } },
      { code: 'no_active_account', detail: 'No active account found for the given token.' },
      tokenFault,
    ],
  },
)

export const VerifyProblem = Type.Object(
  { ...members, token: field, non_field_errors: field, errors },
  { examples: [{ code: 'invalid', detail: 'Not valid: token.', token: required, errors: { token: required } }, tokenFault] },
)

export const RefreshAndVerifyProblem = Type.Object(
  { ...members, message },
  {
    examples: [
      { code: 'invalid', detail: 'Refresh token is required', message: 'Refresh token is required' },
      { code: 'token_not_valid', detail: 'Invalid refresh token', message: 'Invalid refresh token' },
      throttled,
    ],
  },
)

const tokenMessages = Type.Optional(
  Type.Array(Type.Object({ token_class: Type.String(), token_type: Type.String(), message: Type.String() }), {
    description: 'What is wrong with the token of the header.',
  }),
)
const bearerExamples = [
  { code: 'bad_authorization_header', detail: 'Authorization header must contain two space-delimited values' },
  {
    code: 'token_not_valid',
    detail: 'Given token not valid for any token type',
    messages: [{ token_class: 'AccessToken', token_type: 'access', message: 'Token is invalid or expired' }],
  },
]

/** The problems of endpoints that require an access token. */
export const BearerProblem = Type.Object({ ...members, messages: tokenMessages }, { examples: bearerExamples })

const wrongPassword = ['Invalid password.']

export const PasswordChangeProblem = Type.Object(
  { ...members, messages: tokenMessages, current_password: field, new_password: field, non_field_errors: field, errors },
  {
    examples: [
      {
        code: 'invalid',
        detail: 'Not valid: current_password.',
        current_password: wrongPassword,
        errors: { current_password: wrongPassword },
      },
      ...bearerExamples,
    ],
  },
)

export const AccountDeletionProblem = Type.Object(
  { ...members, messages: tokenMessages, password: field, non_field_errors: field, errors },
  {
    examples: [
      { code: 'invalid', detail: 'Not valid: password.', password: wrongPassword, errors: { password: wrongPassword } },
      ...bearerExamples,
    ],
  },
)

/** A problem of RFC 9457 that is also an error of RFC 6749 §5.2. */
export const OAuthProblem = Type.Object(
  { ...members, error: Type.Optional(Type.String({ description: 'The same as `code`, where RFC 6749 §5.2 has it.' })) },
  {
    examples: [
      { code: 'invalid_request', detail: 'The parameter `token` is missing.', error: 'invalid_request' },
      { code: 'invalid_client', detail: 'Client authentication failed.', error: 'invalid_client' },
    ],
  },
)

export const HeaderProblem = Type.Object(
  { ...members, message, messages: tokenMessages },
  {
    examples: [
      ...LoginProblem.examples,
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
      ...bearerExamples,
      {
        code: 'token_user_mismatch',
        detail: 'Token does not belong to the authenticated user',
        message: 'Token does not belong to the authenticated user',
      },
    ],
  },
)
