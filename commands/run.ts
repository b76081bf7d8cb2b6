import { CommanderError } from 'commander'
import { type Config, doubtfulNames, loadConfig, openingOf } from '../config.ts'
import type { Database } from '../db/database.ts'
import { databaseExists, describeDatabase, openDatabase } from '../db/open.ts'
import { systemClock } from '../domain/clock.ts'
import type { Core } from '../domain/context.ts'
import { type FieldErrors, Problem } from '../domain/errors.ts'
import { Secrets } from '../domain/keys/secrets.ts'
import { explain } from '../explain.ts'

/** Why a command cannot do its work, in one line for the operator. */
export class CommandError extends Error {}

/** What a command works with. */
export type Context = Core & { readonly secrets: Secrets }

/** Runs a command on the database that the settings of the service name. */
export async function runCommand(work: (context: Context) => Promise<void>): Promise<void> {
  await runWithSettings(async (config) => {
    const db = await openExisting(config)
    try {
      await work({ db, config, ...systemClock(), secrets: new Secrets(config) })
    } finally {
      await db.close()
    }
  })
}

/**
 * Runs a command that opens databases itself. A failure is a line on standard error, or a line for each wrong setting, and exit code 1.
 */
export async function runWithSettings(work: (config: Config) => Promise<void>): Promise<void> {
  try {
    await work(loadConfig(process.env))
  } catch (error) {
    // What only the settings show to be wrong usage.
    if (error instanceof CommanderError) throw error
    console.error(reasonOf(error as Error))
    process.exitCode = 1
  }
}

function reasonOf(error: Error): string {
  if (error instanceof Problem) return refusalOf(error)
  return error instanceof CommandError ? `latchkey: ${error.message}` : explain(error, 'latchkey: ')
}

/** What the API would answer, a line for each thing that is wrong with what was given. */
function refusalOf({ message, members }: Problem): string {
  const lines = Object.entries((members.errors ?? {}) as FieldErrors).flatMap(([field, texts]) =>
    texts.map((text) => `${SAID_AS[field] ?? field}: ${text}`),
  )
  return (lines.length > 0 ? lines : [message]).map((line) => `latchkey: ${line}`).join('\n')
}

/** Fields of the API that a command has under another name. */
const SAID_AS: Readonly<Record<string, string>> = { new_password: 'password', cursor: '--cursor' }

/**
 * The settings of a service on another database.
 *
 * @param changes what the environment says there instead; undefined for what it does not
 * @throws {ConfigError}
 */
export function settingsWith(changes: Readonly<Record<string, string | undefined>>): Config {
  return loadConfig({ ...process.env, ...changes })
}

/** A line for each variable whose name is nearly that of a setting. */
export function doubtfulSettings(): string[] {
  return doubtfulNames(process.env)
}

/** A command creates no database: with a mistake in DATABASE_URL, a new empty one would look like a service without users. */
async function openExisting(config: Config): Promise<Database> {
  const { databaseUrl: url } = config
  const opening = openingOf(config)
  const { place, isShared } = describeDatabase(url)
  if (!isShared) throw new CommandError(`DATABASE_URL is ${place}, and only the server itself can see into its memory`)
  if (!(await databaseExists(url, opening))) {
    throw new CommandError(`DATABASE_URL: there is no database at ${place}; the server makes it at its first start`)
  }
  return openDatabase(url, {
    ...opening,
    onUpgrade: (migrations) => {
      console.error(`latchkey: the tables of the database are brought up to date: ${migrations.join(', ')}`)
    },
  })
}
