import { type Static, type TSchema, Type } from '@sinclair/typebox'
import { newUsername, username } from './credentials.ts'
import { nullable } from './nullable.ts'
import { newPassword, password } from './passwords.ts'
import { ref } from './ref.ts'
import { instant, sessionFields } from './session-fields.ts'

const flag = (description: string, example: boolean) => Type.Boolean({ description, examples: [example] })
const HIGHEST_ID = Number.MAX_SAFE_INTEGER

export const UserPath = Type.Object({
  id: Type.Integer({ format: 'int64', minimum: 1, maximum: HIGHEST_ID, description: "The user's `id`." }),
})

export const UserSessionPath = Type.Object({
  ...UserPath.properties,
  sid: Type.String({ description: 'The `id` of the list, which is the `sid` of the tokens.', examples: ['1-LLCSN2ZIQ2yDXTGhALmkYg'] }),
})

const limit = Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50, description: 'The most to answer at once.' }))
const cursor = Type.Optional(Type.String({ description: 'The `next` of the page before. The other parameters must be the same.' }))

export const UserQuery = Type.Object({
  search: Type.Optional(
    Type.String({ maxLength: 254, 'x-characters': 'name', description: 'What the name begins with, whatever its case and form.' }),
  ),
  is_active: Type.Optional(Type.Boolean({ description: 'Only users who may log in, or only those who may not.' })),
  is_staff: Type.Optional(Type.Boolean({ description: 'Only staff, or only others.' })),
  is_superuser: Type.Optional(Type.Boolean({ description: 'Only superusers, or only others.' })),
  limit,
  cursor,
})

export const EventQuery = Type.Object({
  user: Type.Optional(
    Type.Integer({ format: 'int64', minimum: 1, maximum: HIGHEST_ID, description: 'Only what happened to the user with this id.' }),
  ),
  kind: Type.Optional(Type.String({ description: 'Only events of this kind.' })),
  limit,
  cursor,
})

export const User = Type.Object(
  {
    id: Type.Integer({ format: 'int64', description: 'The `user_id` of the tokens. Never used twice.', examples: [1] }),
    username: Type.String({ description: 'The name that the user logs in with.', examples: ['testuser'] }),
    last_login: nullable(instant('The last login; null when there was none.')),
    is_superuser: flag('Whether the user, if staff, may do all that administration can.', false),
    is_active: flag('Whether the user may log in.', true),
    is_staff: flag('Whether the user may look after others, who are neither staff nor superusers.', false),
    date_joined: instant('When the user registered, or was created.'),
  },
  { $id: 'User', description: 'A user, as staff sees it.' },
)
export type User = Static<typeof User>

const example = (schema: { properties: Record<string, TSchema> }) =>
  Object.fromEntries(Object.entries(schema.properties).map(([name, { examples }]) => [name, examples[0]]))
const next = nullable(
  Type.String({
    description: 'The `cursor` of the next page; null when this is the last one.',
    examples: ['X0W_DpqPJwZzWyJ0ZXN0dXNlciIsMV0'],
  }),
)

export const UserPage = Type.Object(
  { results: Type.Array(ref(User), { description: 'By name, whatever its case and form.', examples: [[example(User)]] }), next },
  { $id: 'UserPage', description: 'A part of the list of users.' },
)

export const UserSession = Type.Object(sessionFields, { $id: 'UserSession', description: 'A session of a user that has not ended.' })

export const UserSessions = Type.Array(ref(UserSession), {
  $id: 'UserSessions',
  description: 'Live sessions of a user, the one used last first.',
})

const text = (description: string, text: string) => nullable(Type.String({ description, examples: [text] }))
const userId = (description: string, id: number) => nullable(Type.Integer({ format: 'int64', description, examples: [id] }))

export const Event = Type.Object(
  {
    id: Type.Integer({ format: 'int64', description: 'A number that grows.', examples: [17] }),
    at: instant('When it happened, the first time if `count` is more than 1.'),
    last_at: instant('When it happened last.'),
    count: Type.Integer({ format: 'int64', description: 'How often: what is repeated within a minute is one event.', examples: [1] }),
    kind: Type.String({ description: 'What happened. New kinds may come.', examples: ['user_changed'] }),
    reason: text('Why, or which fields.', 'is_staff'),
    user_id: userId('To whom. The user may be deleted by now.', 1),
    username: text('The name of that user at that time.', 'testuser'),
    name_hash: text('Of a name that was typed and is no user’s: a hash with a key of the service.', 'y3Yk0oUYUEpS1Wyf'),
    session_id: text('The `sid` of the session that it is about.', '1-LLCSN2ZIQ2yDXTGhALmkYg'),
    subject: text('The key or client that it is about, or the name of a user before it was changed.', 'testuser'),
    actor_id: userId('Who did it, where that is another user.', 2),
    actor_name: text('The name of that user at that time.', 'root'),
    address: text('Where it came from.', '192.0.2.1'),
    client: text('Its `User-Agent`.', 'Mozilla/5.0'),
    request_id: text('The `X-Request-Id` of the request.', '7d1f7c1e-54d6-4f0e-b7a3-2f5b8f6f2f0c'),
  },
  { $id: 'Event', description: 'Something that happened to a user, a session, a key or a client.' },
)
export type Event = Static<typeof Event>

export const EventPage = Type.Object(
  { results: Type.Array(ref(Event), { description: 'The newest first.', examples: [[example(Event)]] }), next },
  { $id: 'EventPage', description: 'A part of the list of events.' },
)

const current_password = Type.String({ ...password, description: 'That of who asks, to confirm it.', examples: ['securepassword'] })
/** The name of now is taken as it is, also where an import has brought what no new name may be: which one it is, no schema knows. */
const changedUsername = {
  ...username,
  description: 'At most 200 characters, unless it is the name already. Surrounding white space is ignored.',
}

export const UserCreation = Type.Object(
  {
    current_password,
    password: Type.String({ ...newPassword, examples: ['a more secure passphrase'] }),
    username: Type.String({ ...newUsername, minLength: 1, maxLength: 200, examples: ['newuser'] }),
    is_staff: Type.Optional(flag('Whether the user is staff; false unless given.', false)),
    is_superuser: Type.Optional(flag('Whether the user is a superuser; false unless given.', false)),
  },
  { $id: 'UserCreation', description: 'A user to be created.' },
)

export const UserChange = Type.Object(
  {
    current_password: Type.Optional({ ...current_password, description: 'That of who asks, for what only superusers may do.' }),
    username: Type.Optional(Type.String({ ...changedUsername, minLength: 1, examples: ['newname'] })),
    is_active: Type.Optional(flag('Whether the user may log in. False ends all sessions.', false)),
    is_staff: Type.Optional(flag('Whether the user is staff. For superusers.', false)),
    is_superuser: Type.Optional(flag('Whether the user is a superuser. For superusers.', false)),
  },
  { $id: 'UserChange', description: 'What is to be changed of a user: all that is given, or nothing when a part of it is refused.' },
)

export const PasswordSetting = Type.Object(
  { current_password, new_password: Type.String({ ...newPassword, examples: ['a more secure passphrase'] }) },
  { $id: 'PasswordSetting', description: 'The next password of a user, and the own one.' },
)

export const UserDeletion = Type.Object(
  { current_password },
  { $id: 'UserDeletion', description: 'What confirms that a user is to be deleted.' },
)
