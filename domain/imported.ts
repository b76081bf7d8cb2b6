import { createHash } from 'node:crypto'

/** MD5 of a stored hash, in upper-case hexadecimal: `users.imported_hash_md5`, and Simple JWT's claim `hash_password`. */
export function hashMd5(stored: string): string {
  return createHash('md5').update(stored).digest('hex').toUpperCase()
}
