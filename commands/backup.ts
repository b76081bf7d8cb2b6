import { type Command, Option } from 'commander'
import { BackupRefused } from '../db/backups.ts'
import { copiesOf, databaseExists, describeDatabase } from '../db/open.ts'
import { harmless } from '../domain/text.ts'
import { bytesProgress, interruption } from './copying.ts'
import { jsonOption, type OutputOptions, print } from './output.ts'
import { CommandError, runWithSettings } from './run.ts'

interface BackupOptions extends OutputOptions {
  readonly replace?: true
}

/** `backup FILE`. */
export function addBackup(program: Command): void {
  program
    .command('backup')
    .description('copy the database into one file, also while services work on it (SQLite)')
    .argument('<file>', 'the file to make; it appears when it is whole')
    .addOption(new Option('--replace', 'replace the file, if it is there'))
    .addOption(jsonOption())
    .action((file: string, options: BackupOptions) =>
      runWithSettings(async ({ databaseUrl }) => {
        const { place, isShared } = describeDatabase(databaseUrl)
        if (!isShared) throw new CommandError(`DATABASE_URL is ${place}, and only the server itself can see into its memory`)
        const bytes = await backUp(databaseUrl, file, options)
        print(options, { file, database: place, bytes }, [{ file, database: place, bytes }])
      }),
    )
}

async function backUp(url: string, file: string, { replace }: BackupOptions): Promise<number> {
  const copies = copiesOf(url)
  if (copies === undefined)
    throw new CommandError('a backup of PostgreSQL is made with its own means, such as pg_dump -Fc: see docs/backup.md')
  if (!(await databaseExists(url))) throw new CommandError(`DATABASE_URL: there is no database at ${describeDatabase(url).place}`)
  const interrupted = interruption()
  try {
    return await copies.backUp(file, { isReplacing: replace === true, tell: bytesProgress(), signal: interrupted.signal })
  } catch (error) {
    if (interrupted.signal.aborted) throw new CommandError('interrupted; no backup was made')
    throw error instanceof BackupRefused ? new CommandError(harmless(error.message)) : error
  } finally {
    interrupted.over()
  }
}
