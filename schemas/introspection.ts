import { Type } from '@sinclair/typebox'
import { VerifyRequest } from './tokens.ts'

const clientId = { examples: ['3f0c1d2b4a59687786950a4b3c2d1e0f'] }
const clientSecret = { format: 'password', examples: ['Zm9yIHRoZSBkb2N1bWVudCBvbmx5LCBubyBjbGllbnQncyE'] }

export const IntrospectionRequest = Type.Object(
  {
    token: Type.String({ minLength: 1, examples: VerifyRequest.properties.token.examples, description: 'An access or refresh token.' }),
    token_type_hint: Type.Optional(
      Type.String({
        examples: ['access_token'],
        description: '`refresh_token` to be told of a refresh token, which is not active otherwise. An access token is found with any.',
      }),
    ),
    client_id: Type.Optional(Type.String({ ...clientId, description: 'In the place of the `Authorization` header.' })),
    client_secret: Type.Optional(Type.String({ ...clientSecret, description: 'In the place of the `Authorization` header.' })),
  },
  { $id: 'IntrospectionRequest', description: 'The parameters of RFC 7662 §2.1.' },
)

const member = (examples: string[], description: string) => Type.Optional(Type.String({ examples, description }))
const seconds = (examples: number[], description: string) => Type.Optional(Type.Integer({ format: 'int64', examples, description }))

export const Introspection = Type.Object(
  {
    active: Type.Boolean({ examples: [true], description: 'Whether the token is good now. The other members are there only when it is.' }),
    sub: member(['1'], 'The id of the user.'),
    username: member(['testuser'], 'The name of the user.'),
    exp: seconds([1767225900], 'When the token expires, in seconds since the epoch.'),
    iat: seconds([1767225600], 'When it was issued, in seconds since the epoch.'),
    iss: member(['http://localhost:3000'], 'Who issued it. A token of the system before may have none.'),
    jti: member(['bff9739785a3411c9075c2458a101605'], 'The id of the token.'),
    sid: member(['1-LLCSN2ZIQ2yDXTGhALmkYg'], 'The id of its session, which a token of the system before has not.'),
    token_type: member(['access'], 'What it is for, `access` or `refresh`. A service lets nobody in with a refresh token.'),
    aud: member(['api'], 'Whom it is for, when `JWT_AUDIENCE` is set, or a token of the system before has one.'),
    client_id: member(['latchkey'], 'The `JWT_CLIENT_ID` that it was issued with, with `JWT_PROFILE=rfc9068`.'),
  },
  { $id: 'Introspection', description: 'The members of RFC 7662 §2.2 that apply, and `sid`.' },
)
