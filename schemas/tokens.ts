import { type Static, Type } from '@sinclair/typebox'

const access = {
  examples: ['eyJhbGciOiJFUzI1NiIsImtpZCI6IjEiLCJ0eXAiOiJhdCtqd3QifQ.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwidXNlcl9pZCI6MX0.c2lnbmF0dXJl'],
}
const refresh = {
  examples: ['eyJhbGciOiJFUzI1NiIsImtpZCI6IjEiLCJ0eXAiOiJKV1QifQ.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCIsInVzZXJfaWQiOjF9.c2lnbmF0dXJl'],
}
const received = { minLength: 1, 'x-strip': true, 'x-characters': 'text' }
const issued = {
  refresh: Type.String({ ...refresh, description: 'For the next refresh.' }),
  access: Type.String({ ...access, description: 'For `Authorization: Bearer …`.' }),
}
const rotated = Type.Optional(
  Type.String({ ...refresh, description: 'The token for the next refresh. Absent with `REFRESH_ROTATION=off`.' }),
)

export const RefreshRequest = Type.Object(
  { refresh: Type.String({ ...refresh, ...received, description: 'The last one that this client was given.' }) },
  { $id: 'RefreshRequest', description: 'A refresh token.' },
)
export type RefreshRequest = Static<typeof RefreshRequest>

export const VerifyRequest = Type.Object(
  { token: Type.String({ ...access, ...received, description: 'An access or refresh token.' }) },
  { $id: 'VerifyRequest', description: 'A token of either type.' },
)
export type VerifyRequest = Static<typeof VerifyRequest>

export const RevocationRequest = Type.Object(
  {
    token: Type.String({ ...refresh, minLength: 1, description: 'An access or refresh token.' }),
    token_type_hint: Type.Optional(
      Type.String({ description: 'Not needed: either type is found with any, and without one.', examples: ['refresh_token'] }),
    ),
  },
  { $id: 'RevocationRequest', description: 'The parameters of RFC 7009 §2.1.' },
)

export const TokenPair = Type.Object(issued, { $id: 'TokenPair', description: 'The tokens of a session.' })

export const LoginAnswer = Type.Object(
  { message: Type.String({ description: 'Always the same.', examples: ['Login successful'] }), ...issued },
  { $id: 'LoginAnswer', description: 'The tokens of a new session.' },
)

export const RefreshAnswer = Type.Object(
  { access: issued.access, refresh: rotated },
  { $id: 'RefreshAnswer', description: 'The next tokens of the session.' },
)

export const RefreshAndVerifyAnswer = Type.Object(
  {
    message: Type.String({ description: 'Always the same.', examples: ['Token is valid'] }),
    new_access_token: issued.access,
    refresh: rotated,
  },
  { $id: 'RefreshAndVerifyAnswer', description: 'The next tokens of the session, in other members.' },
)

export const Empty = Type.Object({}, { $id: 'Empty', description: 'Nothing but success.' })
