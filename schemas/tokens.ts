import { type Static, Type } from '@sinclair/typebox'

const access = {
  examples: ['eyJhbGciOiJFUzI1NiIsImtpZCI6IjEiLCJ0eXAiOiJhdCtqd3QifQ.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwidXNlcl9pZCI6MX0.c2lnbmF0dXJl'],
}
const refresh = {
  examples: ['eyJhbGciOiJFUzI1NiIsImtpZCI6IjEiLCJ0eXAiOiJKV1QifQ.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCIsInVzZXJfaWQiOjF9.c2lnbmF0dXJl'],
}
const received = { minLength: 1, 'x-strip': true, 'x-characters': 'text' }
const rotated = Type.Optional(
  Type.String({ ...refresh, description: 'The token for the next refresh. Absent with `REFRESH_ROTATION=off`.' }),
)

export const RefreshRequest = Type.Object({ refresh: Type.String({ ...refresh, ...received }) }, { $id: 'RefreshRequest' })
export type RefreshRequest = Static<typeof RefreshRequest>

export const VerifyRequest = Type.Object({ token: Type.String({ ...access, ...received }) }, { $id: 'VerifyRequest' })
export type VerifyRequest = Static<typeof VerifyRequest>

export const RevocationRequest = Type.Object(
  {
    token: Type.String({ ...refresh, minLength: 1, description: 'An access or refresh token.' }),
    token_type_hint: Type.Optional(
      Type.String({ description: 'Not needed: either type is found with any, and without one.', examples: ['refresh_token'] }),
    ),
  },
  { $id: 'RevocationRequest' },
)

export const TokenPair = Type.Object({ refresh: Type.String(refresh), access: Type.String(access) }, { $id: 'TokenPair' })

export const LoginAnswer = Type.Object(
  { message: Type.String({ examples: ['Login successful'] }), refresh: Type.String(refresh), access: Type.String(access) },
  { $id: 'LoginAnswer' },
)

export const RefreshAnswer = Type.Object({ access: Type.String(access), refresh: rotated }, { $id: 'RefreshAnswer' })

export const RefreshAndVerifyAnswer = Type.Object(
  { message: Type.String({ examples: ['Token is valid'] }), new_access_token: Type.String(access), refresh: rotated },
  { $id: 'RefreshAndVerifyAnswer' },
)

export const Empty = Type.Object({}, { $id: 'Empty', additionalProperties: false })
