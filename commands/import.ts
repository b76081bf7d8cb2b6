import { type Command, Option } from 'commander'
import type { Config } from '../config.ts'
import { openEmptyDatabase, openSource } from '../db/open.ts'
import { SourceFailed } from '../db/sources/source.ts'
import { usersOfTable } from '../domain/imports/from-table.ts'
import { ImportInterrupted, importUsers } from '../domain/imports/run.ts'
import { ImportRefused, type UserSource } from '../domain/imports/source.ts'
import { timeReader } from '../domain/imports/times.ts'
import { excerpt, harmless } from '../domain/text.ts'
import { isTimeZone } from '../domain/time-zones.ts'
import { interruption } from './copying.ts'
import { linesOf } from './import-lines.ts'
import { ImportPrinter } from './import-output.ts'
import { jsonOption, type OutputOptions } from './output.ts'
import { afterEachPage } from './pages-of-users.ts'
import { CommandError, type Context, runCommand } from './run.ts'

interface ImportOptions extends OutputOptions {
  readonly table?: string
  readonly usernameColumn?: string
  readonly timeZone?: string
  readonly commit?: true
}

/** The exit code of an import that is done, but for users who are left out. */
const SOME_LEFT_OUT = 3

const HELP = `
Where the users are:
  file:PATH    the SQLite database of the project
  PATH         lines of: python manage.py dumpdata APP.MODEL --format jsonl
  -            the same from standard input
  nothing      DJANGO_DATABASE_URL names a PostgreSQL database, or the file that DJANGO_DATABASE_URL_FILE names does; no argument does,
               for it has a password, and others see what a command is given
Nothing is written without --commit. It can be run again: users that are here already are brought up to date, but for those changed here.
Exit code: ${SOME_LEFT_OUT} when it is done, and users are left out.`

/** `import django`. */
export function addImport(program: Command): void {
  program
    .command('import')
    .description('take over the users of another system')
    .command('django')
    .description('take over the users of a Django project, with their ids and passwords, and its revoked tokens')
    .argument('[file]', 'where they are')
    .addOption(new Option('--table <name>', 'the table, or of lines the model, that the users are in, where it cannot be told'))
    .addOption(new Option('--username-column <name>', 'the column with the name that users log in with, where it cannot be told'))
    .addOption(
      new Option('--time-zone <zone>', 'TIME_ZONE of a project without USE_TZ, such as Europe/Berlin: of times that do not say theirs'),
    )
    .addOption(new Option('--commit', 'write; without it nothing is written, and the report says what would be'))
    .addOption(jsonOption())
    .addHelpText('after', HELP)
    .action((file: string | undefined, options: ImportOptions, command: Command) => {
      refuseUsage(file, options, command)
      return runCommand((context) => run(context, file, options, command))
    })
}

function refuseUsage(file: string | undefined, { timeZone }: ImportOptions, command: Command): void {
  if (timeZone !== undefined && !isTimeZone(timeZone)) command.error(`error: --time-zone: there is no time zone "${excerpt(timeZone)}"`)
  // A password may be in it, of whatever database it is.
  if (file !== undefined && /^\s*(postgres(ql)?:|[a-z][a-z\d+.-]*:\/\/)/i.test(file) && !file.startsWith('file:')) {
    command.error('error: a URL with a password is no argument, for others see it: set DJANGO_DATABASE_URL or DJANGO_DATABASE_URL_FILE')
  }
}

async function run(context: Context, file: string | undefined, options: ImportOptions, command: Command): Promise<void> {
  const source = await openUsers(context.config, file, options, command)
  const interrupted = interruption()
  const rehearsal = options.commit ? undefined : await openEmptyDatabase()
  const output = new ImportPrinter(options, source)
  try {
    const report = await importUsers(context, source, {
      rehearsal,
      readTime: timeReader(options.timeZone),
      onRow: (row) => output.row(row),
      onProgress: afterEachPage(),
      isStopping: () => interrupted.signal.aborted,
    })
    output.end(report)
    if (!options.commit) console.error('latchkey: nothing was written; --commit does it')
    if (report.users.left_out > 0) process.exitCode = SOME_LEFT_OUT
  } catch (error) {
    throw inWords(error)
  } finally {
    interrupted.over()
    await rehearsal?.close()
    await source.close()
  }
}

async function openUsers(config: Config, file: string | undefined, options: ImportOptions, command: Command): Promise<UserSource> {
  const url = file?.startsWith('file:') ? file : config.djangoDatabaseUrl
  if (file === undefined && url === undefined) {
    command.error('error: say where the users are: file:PATH, a file of lines, - for standard input, or DJANGO_DATABASE_URL')
  }
  try {
    if (file !== undefined && !file.startsWith('file:')) return await linesOf(file, options)
    const source = await openSource(url as string)
    return await usersOfTable(source, options).catch(async (error) => {
      await source.close()
      throw error
    })
  } catch (error) {
    throw inWords(error)
  }
}

function inWords(error: unknown): unknown {
  if (error instanceof ImportInterrupted)
    return new CommandError('interrupted; what was done is done, and the same command goes on from there')
  if (error instanceof SourceFailed) return new CommandError(`cannot read the users: ${harmless(error.message)}`)
  return error instanceof ImportRefused ? new CommandError(harmless(error.message)) : error
}
