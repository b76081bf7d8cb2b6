import { type Static, Type } from '@sinclair/typebox'

const jwt = {
  examples: ['eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6Ii4uLiJ9.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCJ9.c2lnbmF0dXJl'],
}
const token = { ...jwt, minLength: 1, 'x-strip': true, 'x-characters': 'text' }

export const RefreshRequest = Type.Object({ refresh: Type.String(token) }, { $id: 'RefreshRequest' })
export type RefreshRequest = Static<typeof RefreshRequest>

export const VerifyRequest = Type.Object({ token: Type.String(token) }, { $id: 'VerifyRequest' })
export type VerifyRequest = Static<typeof VerifyRequest>

export const TokenPair = Type.Object({ refresh: Type.String(jwt), access: Type.String(jwt) }, { $id: 'TokenPair' })

export const LoginAnswer = Type.Object(
  { message: Type.String({ examples: ['Login successful'] }), refresh: Type.String(jwt), access: Type.String(jwt) },
  { $id: 'LoginAnswer' },
)

export const RefreshAnswer = Type.Object(
  {
    access: Type.String(jwt),
    refresh: Type.Optional(Type.String({ ...jwt, description: 'The token for the next refresh. Absent with `REFRESH_ROTATION=off`.' })),
  },
  { $id: 'RefreshAnswer' },
)

export const RefreshAndVerifyAnswer = Type.Object(
  {
    message: Type.String({ examples: ['Token is valid'] }),
    new_access_token: Type.String(jwt),
    refresh: Type.Optional(Type.String({ ...jwt, description: 'The token for the next refresh. Absent with `REFRESH_ROTATION=off`.' })),
  },
  { $id: 'RefreshAndVerifyAnswer' },
)

export const Empty = Type.Object({}, { $id: 'Empty', additionalProperties: false })
