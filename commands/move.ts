import type { Command } from 'commander'
import { type Config, ConfigError, openingOf } from '../config.ts'
import type { Database } from '../db/database.ts'
import { DatabaseError } from '../db/errors.ts'
import { MoveFailure, MoveRefused } from '../db/moving/errors.ts'
import { type MovedTable, moveRows } from '../db/moving/move.ts'
import { describeDatabase, openDatabase } from '../db/open.ts'
import { harmless } from '../domain/text.ts'
import { jsonOption, type OutputOptions, print } from './output.ts'
import { CommandError, runCommand, settingsWith } from './run.ts'

interface MoveOptions extends OutputOptions {
  readonly to?: string
  readonly toFile?: string
  readonly toSchema?: string
}

/** Between two lines that say how far a table is. */
const TELL_EVERY_MS = 2000

/** `move --to URL`, `move --to-file PATH`. */
export function addMove(program: Command): void {
  program
    .command('move')
    .description('copy everything to an empty database of either kind; no service may go on on the old one')
    .option('--to <url>', 'the new database, as DATABASE_URL would name it')
    .option('--to-file <path>', 'the same from a file, because the URL may have a password, and others see what a command is given')
    .option('--to-schema <name>', 'the schema there, in place of DATABASE_SCHEMA')
    .addOption(jsonOption())
    .action((options: MoveOptions, command: Command) => {
      if ((options.to === undefined) === (options.toFile === undefined)) command.error('error: give the new database by --to or --to-file')
      return runCommand(async ({ db, config }) => {
        const rows = await move(db, config, targetOf(options))
        print(options, rows, rows)
        console.error(
          'latchkey: everything is moved. Start the services on the new database, and none on the old one: what that is told is not in the new one',
        )
      })
    })
}

async function move(source: Database, from: Config, to: Config): Promise<readonly MovedTable[]> {
  refuseSame(from, to)
  const target = await openTarget(to)
  try {
    return await moveRows(source, target, progress())
  } catch (error) {
    if (error instanceof MoveRefused) throw new CommandError(harmless(error.message))
    if (error instanceof MoveFailure) throw error.side === 'target' ? targetFailed(error) : error.cause
    throw error
  } finally {
    await target.close()
  }
}

/** The settings of a service on the new database. */
function targetOf({ to, toFile, toSchema }: MoveOptions): Config {
  try {
    const schema = toSchema === undefined ? {} : { DATABASE_SCHEMA: toSchema }
    return settingsWith({ DATABASE_URL: to, DATABASE_URL_FILE: toFile, ...schema })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new CommandError(error.faults.map(asOption).join('\nlatchkey: '))
  }
}

/** What is wrong with a setting, said of the option in its place. */
function asOption(fault: string): string {
  return fault.replace('DATABASE_URL_FILE', '--to-file').replace('DATABASE_URL', '--to').replace('DATABASE_SCHEMA', '--to-schema')
}

function refuseSame(from: Config, to: Config): void {
  const [source, target] = [from, to].map(({ databaseUrl }) => describeDatabase(databaseUrl))
  if (!target?.isShared) throw new CommandError(`--to is ${target?.place}, which ends with this command`)
  if (source?.place !== target.place || from.databaseSchema !== to.databaseSchema) return
  throw new CommandError(`--to is ${target.place}, which is the database of DATABASE_URL`)
}

async function openTarget(config: Config): Promise<Database> {
  try {
    return await openDatabase(config.databaseUrl, openingOf(config))
  } catch (error) {
    throw error instanceof DatabaseError ? targetFailed(error) : error
  }
}

function targetFailed({ message }: Error): CommandError {
  return new CommandError(`--to: cannot use the database: ${message}`)
}

/** Says on standard error when a table is copied, and meanwhile from time to time how far it is. */
function progress(): Parameters<typeof moveRows>[2] {
  let toldAt = performance.now()
  return (table, rows, of) => {
    if (rows < of && performance.now() - toldAt < TELL_EVERY_MS) return
    toldAt = performance.now()
    console.error(`latchkey: ${table}: ${rows} of ${of} rows`)
  }
}
