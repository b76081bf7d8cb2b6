import { type Static, Type } from '@sinclair/typebox'
import { newPassword, password } from './passwords.ts'
import { ref } from './ref.ts'
import { instant, sessionFields } from './session-fields.ts'

export const Me = Type.Object(
  {
    id: Type.Integer({ format: 'int64', description: 'The `user_id` of the tokens.', examples: [1] }),
    username: Type.String({ description: 'The name that I log in with.', examples: ['testuser'] }),
    created_at: instant('The registration.'),
  },
  { $id: 'Me', description: 'The user whose access token it is.' },
)

export const SessionOfMine = Type.Object(
  {
    ...sessionFields,
    elsewhere_at: Type.Optional(
      instant(
        'When a refresh token that had been replaced was answered last to another network or client than the last refresh: a user who changed ' +
          'networks, or a thief. Absent, with the next two, where none was.',
      ),
    ),
    elsewhere_address: Type.Optional(Type.String({ description: 'To which address.', examples: ['198.51.100.7'] })),
    elsewhere_client: Type.Optional(Type.String({ description: 'Its `User-Agent`.', examples: ['curl/8.5.0'] })),
    current: Type.Boolean({ description: 'Whether it is the one that asks.', examples: [true] }),
  },
  { $id: 'SessionOfMine', description: 'A session that has not ended.' },
)
export type SessionOfMine = Static<typeof SessionOfMine>

export const SessionsOfMine = Type.Array(ref(SessionOfMine), {
  $id: 'SessionsOfMine',
  description: 'Live sessions, the one used last first.',
})

/** The parameters of a path to one session. */
export const SessionPath = Type.Object({
  id: Type.String({ description: 'The `id` of the list, which is the `sid` of the tokens.', examples: ['1-LLCSN2ZIQ2yDXTGhALmkYg'] }),
})

export const PasswordChange = Type.Object(
  {
    current_password: Type.String({ ...password, description: 'The one until now.', examples: ['securepassword'] }),
    new_password: Type.String({ ...newPassword, examples: ['a more secure passphrase'] }),
  },
  { $id: 'PasswordChange', description: 'The password until now, and the next one.' },
)

export const AccountDeletion = Type.Object(
  { password: Type.String({ ...password, description: 'Mine, to confirm it.', examples: ['securepassword'] }) },
  { $id: 'AccountDeletion', description: 'What confirms that my account is to be deleted.' },
)
