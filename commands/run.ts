import { loadConfig } from '../config.ts'
import type { Database } from '../db/database.ts'
import { databaseExists, describeDatabase, openDatabase } from '../db/open.ts'
import { systemClock } from '../domain/clock.ts'
import type { Core } from '../domain/context.ts'
import { Secrets } from '../domain/keys/secrets.ts'
import { explain } from '../explain.ts'

/** Why a command cannot do its work, in one line for the operator. */
export class CommandError extends Error {}

/**
 * Runs a command on the database that the settings of the service name. A failure is a line on standard error, or a line for each wrong
 * setting, and exit code 1.
 */
export async function runCommand(work: (core: Core & { readonly secrets: Secrets }) => Promise<void>): Promise<void> {
  try {
    const config = loadConfig(process.env)
    const db = await openExisting(config.databaseUrl)
    try {
      await work({ db, config, ...systemClock(), secrets: new Secrets(config) })
    } finally {
      await db.close()
    }
  } catch (error) {
    console.error(error instanceof CommandError ? `latchkey: ${error.message}` : explain(error as Error, 'latchkey: '))
    process.exitCode = 1
  }
}

/** A command creates no database: with a mistake in DATABASE_URL, a new empty one would look like a service without users. */
async function openExisting(url: string): Promise<Database> {
  const { place, isShared } = describeDatabase(url)
  if (!isShared) throw new CommandError(`DATABASE_URL is ${place}, and only the server itself can see into its memory`)
  if (!(await databaseExists(url))) {
    throw new CommandError(`DATABASE_URL: there is no database at ${place}; the server makes it at its first start`)
  }
  return openDatabase(url, (migrations) => {
    console.error(`latchkey: the tables of the database are brought up to date: ${migrations.join(', ')}`)
  })
}
