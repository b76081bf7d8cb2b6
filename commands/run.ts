import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { loadConfig } from '../config.ts'
import type { Database } from '../db/database.ts'
import { openSqliteDatabase } from '../db/sqlite/database.ts'
import type { Core } from '../domain/context.ts'
import { Secrets } from '../domain/keys/secrets.ts'
import { explain } from '../explain.ts'

/** A command that cannot do what it is asked, for a reason that one line tells. */
export class CommandError extends Error {}

/** Does the work of a command on the database of the service's settings. A failure is one line and exit code 1. */
export async function runCommand(work: (core: Core & { readonly secrets: Secrets }) => Promise<void>): Promise<void> {
  try {
    const config = loadConfig(process.env)
    const db = await openExisting(config.databaseFile)
    try {
      await work({ db, config, clock: Date.now, secrets: new Secrets(config) })
    } finally {
      await db.close()
    }
  } catch (error) {
    console.error(`latchkey: ${error instanceof CommandError ? error.message : explain(error as Error)}`)
    process.exitCode = 1
  }
}

/** A command makes no database: the wrong folder, or a slip in the setting, would look like a service without users. */
async function openExisting(file: string): Promise<Database> {
  if (file === ':memory:') throw new CommandError('DATABASE_URL is :memory:, and only the server itself can see into its memory')
  if (statSync(file, { throwIfNoEntry: false }) === undefined) {
    throw new CommandError(`DATABASE_URL: there is no database at ${resolve(file)}; the server makes it at its first start`)
  }
  return openSqliteDatabase(file)
}
