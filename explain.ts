import { ConfigError } from './config.ts'
import { DatabaseUnavailable, NotOurDatabase } from './db/errors.ts'
import { SigningKeyError } from './domain/keys/load.ts'
import { SettingMismatch } from './domain/keys/secrets.ts'

/** One line that names the setting, for what an operator can mend; the stack for a fault of ours. */
export function explain(error: NodeJS.ErrnoException): string {
  if (error instanceof ConfigError || error instanceof SettingMismatch) return error.message
  if (error.syscall === 'getaddrinfo') return `HOST is no address and no known name: ${error.message}`
  if (error.syscall === 'listen') return `HOST and PORT: cannot listen: ${error.message}`
  if (isDatabaseError(error)) return `DATABASE_URL: cannot use the database: ${error.message}`
  return error.stack ?? error.message
}

function isDatabaseError(error: NodeJS.ErrnoException): boolean {
  const isOurs = [DatabaseUnavailable, NotOurDatabase, SigningKeyError].some((kind) => error instanceof kind)
  return isOurs || error.name === 'SqliteError' || error.syscall === 'mkdir' || error.syscall === 'stat'
}
