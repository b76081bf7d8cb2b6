import { ConfigError } from './config.ts'
import { DatabaseError, TemporaryFilesFailed } from './db/errors.ts'
import { SigningKeyError } from './domain/keys/load.ts'
import { SettingMismatch } from './domain/keys/secrets.ts'

/**
 * Why a start or a command failed, to be printed with `prefix` before each line: a line for each setting that is wrong, or one that names
 * the setting, where the operator can mend it; else the stack, for a bug report.
 */
export function explain(error: Error, prefix: string): string {
  const reasons = error instanceof ConfigError ? error.faults : [reasonOf(error)]
  return reasons.map((reason) => `${prefix}${reason}`).join('\n')
}

function reasonOf(error: NodeJS.ErrnoException): string {
  if (error instanceof SettingMismatch || error instanceof TemporaryFilesFailed) return error.message
  if (error.syscall === 'getaddrinfo') return `HOST is no address and no known name: ${error.message}`
  if (error.syscall === 'listen') return `HOST and PORT: cannot listen: ${error.message}`
  if (error instanceof DatabaseError || error instanceof SigningKeyError) return `DATABASE_URL: cannot use the database: ${error.message}`
  return error.stack ?? error.message
}
