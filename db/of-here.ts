import type { ExpressionBuilder } from 'kysely'
import type { Tables, User } from './schema.ts'

// Who was made here, or changed here since the last import: an import leaves them as they are, and an export brings them back.

/** Whether a user is one of them. */
export function isOfHere({ imported_at, changed_at }: Pick<User, 'imported_at' | 'changed_at'>): boolean {
  return imported_at === null || imported_at !== changed_at
}

/** The same, as a condition of a query. */
export function whereOfHere(eb: ExpressionBuilder<Tables, 'users'>) {
  return eb.or([eb('imported_at', 'is', null), eb('imported_at', '!=', eb.ref('changed_at'))])
}
