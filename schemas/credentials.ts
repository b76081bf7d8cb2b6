import { type Static, Type } from '@sinclair/typebox'
import { newPassword, password } from './passwords.ts'

export const username = { 'x-strip': true, 'x-characters': 'name', description: 'Case-sensitive; surrounding white space is ignored.' }
export const newUsername = { ...username, 'x-compose': true, 'x-characters': 'new-name' }
const examples = { username: ['testuser'], password: ['securepassword'] }

export const Registration = Type.Object(
  {
    password: Type.String({ ...newPassword, examples: examples.password }),
    username: Type.String({ ...newUsername, minLength: 1, maxLength: 200, examples: examples.username }),
  },
  { $id: 'Registration', description: 'A new user.' },
)
export type Registration = Static<typeof Registration>

export const Credentials = Type.Object(
  {
    username: Type.String({ ...username, minLength: 1, examples: examples.username }),
    password: Type.String({ ...password, description: 'Compared as it is sent, then in NFC, then in NFD.', examples: examples.password }),
  },
  { $id: 'Credentials', description: 'What a user logs in with.' },
)
export type Credentials = Static<typeof Credentials>

/** Credentials beside an `Authorization` header: both, or neither. */
export const OptionalCredentials = Type.Partial(Credentials, { $id: 'OptionalCredentials', description: 'Both, or neither.' })

/** Beside credentials. Any text will do, so that no token is refused for its form. */
export const DeviceHeaders = Type.Object({
  'X-Device-Token': Type.Optional(
    Type.String({
      description:
        'A refresh token that this device was given before for the same user; it may have expired, or its session may have ended. ' +
        'Then failures of others, at the same address or elsewhere, do not keep this device waiting.',
    }),
  ),
})

export const Registered = Type.Object(
  { message: Type.String({ description: 'Always the same.', examples: ['User created successfully'] }) },
  { $id: 'Registered', description: 'That the user is there now.' },
)

export const Authenticated = Type.Object(
  { message: Type.String({ description: 'Always the same.', examples: ['User authenticated successfully'] }) },
  { $id: 'Authenticated', description: 'That the access token is good, and so are the credentials beside it, where there were some.' },
)
