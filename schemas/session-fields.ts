import { Type } from '@sinclair/typebox'

/** An instant in ISO 8601. */
export const instant = (description: string) => Type.String({ format: 'date-time', description, examples: ['2026-01-01T00:00:00.000Z'] })

/** What its user and staff see of a session. */
export const sessionFields = {
  id: Type.String({ description: 'The `sid` of its tokens.', examples: ['1-LLCSN2ZIQ2yDXTGhALmkYg'] }),
  created_at: instant('The login.'),
  last_used_at: instant('The last login or refresh.'),
  address: Type.String({ description: 'The address of the last login or refresh.', examples: ['192.0.2.1'] }),
  client: Type.String({ description: 'Its `User-Agent`; empty when there was none.', examples: ['Mozilla/5.0'] }),
}
