import type { Command } from 'commander'
import { openingOf } from '../config.ts'
import { describeDatabase, openDatabase } from '../db/open.ts'
import { CommandError, runWithSettings } from './run.ts'

/** `migrate`. */
export function addMigrate(program: Command): void {
  program
    .command('migrate')
    .description('make the tables, or bring them up to date: for PostgreSQL, where the server is not their owner and may not')
    .action(() =>
      runWithSettings(async (config) => {
        const { place, isShared } = describeDatabase(config.databaseUrl)
        if (!isShared) throw new CommandError(`DATABASE_URL is ${place}, which ends with this command`)
        let done: readonly string[] = []
        const onUpgrade = (migrations: readonly string[]) => {
          done = migrations
        }
        const db = await openDatabase(config.databaseUrl, { ...openingOf(config), onUpgrade })
        await db.close()
        console.log(done.length === 0 ? 'the tables were up to date' : `the tables are up to date; new are ${done.join(', ')}`)
      }),
    )
}
