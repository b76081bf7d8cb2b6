import { ConfigError } from './config.ts'
import { DatabaseError } from './db/errors.ts'
import { SigningKeyError } from './domain/keys/load.ts'
import { SettingMismatch } from './domain/keys/secrets.ts'

/** Why a start or a command failed: one line that names the setting, where the operator can mend it; else the stack, for a bug report. */
export function explain(error: NodeJS.ErrnoException): string {
  if (error instanceof ConfigError || error instanceof SettingMismatch) return error.message
  if (error.syscall === 'getaddrinfo') return `HOST is no address and no known name: ${error.message}`
  if (error.syscall === 'listen') return `HOST and PORT: cannot listen: ${error.message}`
  if (error instanceof DatabaseError || error instanceof SigningKeyError) return `DATABASE_URL: cannot use the database: ${error.message}`
  return error.stack ?? error.message
}
