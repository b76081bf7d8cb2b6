import { Type } from '@sinclair/typebox'
import { problems } from '../domain/errors.ts'

const codes = Object.keys(problems)

/** RFC 9457 §3.1, with a stable `code`. */
const members = {
  title: Type.String({ description: 'The phrase of the status.' }),
  status: Type.Integer({ description: 'The status, again.' }),
  detail: Type.String({ description: 'What is wrong, for people.' }),
  code: Type.String({ enum: codes, description: 'What is wrong, for programs.' }),
}
const messages = Type.Array(Type.String())
const field = Type.Optional(messages)
const errors = Type.Optional(Type.Record(Type.String(), messages, { description: 'The same errors by field.' }))

export const Problem = Type.Object(members, { $id: 'Problem' })

export const MessageProblem = Type.Object(
  { ...members, message: Type.Optional(Type.String({ description: 'The same as `detail`.' })) },
  { $id: 'MessageProblem' },
)

export const CredentialsProblem = Type.Object(
  { ...members, username: field, password: field, non_field_errors: field, errors },
  { $id: 'CredentialsProblem' },
)

export const RefreshProblem = Type.Object({ ...members, refresh: field, non_field_errors: field, errors }, { $id: 'RefreshProblem' })

export const VerifyProblem = Type.Object({ ...members, token: field, non_field_errors: field, errors }, { $id: 'VerifyProblem' })

export const HeaderProblem = Type.Object(
  {
    ...members,
    message: Type.Optional(Type.String({ description: 'The same as `detail`.' })),
    messages: Type.Optional(
      Type.Array(Type.Object({ token_class: Type.String(), token_type: Type.String(), message: Type.String() }), {
        description: 'What is wrong with the token of the header.',
      }),
    ),
  },
  { $id: 'HeaderProblem' },
)
