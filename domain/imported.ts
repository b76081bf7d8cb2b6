import { createHash } from 'node:crypto'
import type { User } from '../db/schema.ts'

/** MD5 of a stored hash, in upper-case hexadecimal: `users.imported_hash_md5`, and Simple JWT's claim `hash_password`. */
export function hashMd5(stored: string): string {
  return createHash('md5').update(stored).digest('hex').toUpperCase()
}

/** Whether a user was made here, or changed here since the last import. */
export function isOfHere({ imported_at, changed_at }: Pick<User, 'imported_at' | 'changed_at'>): boolean {
  return imported_at === null || imported_at !== changed_at
}
