import { type Command, Option } from 'commander'
import type { Config } from '../config.ts'
import { BackupRefused, type Restored } from '../db/backups.ts'
import { DatabaseForbidden } from '../db/errors.ts'
import { copiesOf, describeDatabase } from '../db/open.ts'
import { type Settled, settleRestored } from '../domain/accounts/restored.ts'
import { systemClock } from '../domain/clock.ts'
import type { Core } from '../domain/context.ts'
import { harmless } from '../domain/text.ts'
import { bytesProgress, interruption } from './copying.ts'
import { jsonOption, type OutputOptions, print } from './output.ts'
import { CommandError, runCommand, runWithSettings } from './run.ts'

interface RestoreOptions extends OutputOptions {
  readonly finish?: true
}

/** `restore FILE`, `restore --finish`. */
export function addRestore(program: Command): void {
  program
    .command('restore')
    .description('put a backup in the place of the database, while no service runs: all sessions end, and all keys are retired')
    .argument('[file]', 'what `latchkey backup` has made (SQLite); it stays as it is')
    .addOption(
      new Option('--finish', 'what was restored by other means, such as pg_restore: end its sessions, raise its ids, retire its keys'),
    )
    .addOption(jsonOption())
    .action((file: string | undefined, options: RestoreOptions, command: Command) => {
      if ((file === undefined) !== (options.finish === true)) command.error('error: give the file of a backup, or --finish')
      return file === undefined ? finish(options) : runWithSettings((config) => restoreFile(config, file, options))
    })
}

function finish(options: OutputOptions): Promise<void> {
  return runCommand(async (core) => {
    const row = toRow(await settle(core))
    print(options, row, [row])
    warn(core.config)
  })
}

async function settle(core: Core): Promise<Settled> {
  try {
    return await settleRestored(core)
  } catch (error) {
    if (!(error instanceof DatabaseForbidden)) throw error
    throw new CommandError(`DATABASE_URL: only the owner of the tables may raise the ids: run this as the owner (${error.message})`)
  }
}

async function restoreFile(config: Config, file: string, options: OutputOptions): Promise<void> {
  const { place, replaced = null, prepared } = await restore(config, file)
  const row = { database: place, replaced, ...toRow(prepared) }
  print(options, row, [row])
  warn(config)
}

async function restore(config: Config, file: string): Promise<Restored<Settled>> {
  const { place, isShared } = describeDatabase(config.databaseUrl)
  if (!isShared) throw new CommandError(`DATABASE_URL is ${place}, which ends with this command`)
  const copies = copiesOf(config.databaseUrl)
  if (copies === undefined) {
    throw new CommandError(
      'PostgreSQL is restored with its own means, such as pg_restore, and then `latchkey restore --finish`: see docs/backup.md',
    )
  }
  const clocks = systemClock()
  const interrupted = interruption()
  try {
    return await copies.restore(file, {
      at: clocks.clock(),
      tell: bytesProgress(),
      signal: interrupted.signal,
      prepare: (db, lastIds) => settleRestored({ db, config, ...clocks }, lastIds),
    })
  } catch (error) {
    if (interrupted.signal.aborted) throw new CommandError('interrupted; nothing was restored')
    throw error instanceof BackupRefused ? new CommandError(harmless(error.message)) : error
  } finally {
    interrupted.over()
  }
}

function toRow({ endedSessions, retiredKeys, nextIds }: Settled) {
  return { ended_sessions: endedSessions, retired_keys: retiredKeys, next_user_id: nextIds.users ?? null }
}

function warn({ jwtAlgorithm }: Config): void {
  console.error(
    'latchkey: users, passwords and clients are as they were then: disable, demote, change and revoke again what was since the backup',
  )
  if (jwtAlgorithm !== 'HS256') return
  console.error(
    'latchkey: JWT_SECRET is a setting, and signs on: who checks tokens without this service takes those of before until they expire',
  )
}
