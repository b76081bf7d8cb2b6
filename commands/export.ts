import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type ExportWatch, sqlForDjango } from '../domain/exports/django.ts'
import { COLUMNS, type Column, type DjangoTable, type Misfit } from '../domain/exports/django-user.ts'
import { DIALECTS, type SqlDialect } from '../domain/exports/sql.ts'
import { harmless } from '../domain/text.ts'
import { isTimeZone } from '../domain/time-zones.ts'
import { afterEachPage } from './pages-of-users.ts'
import { runCommand } from './run.ts'

interface ExportOptions {
  readonly table: string
  readonly dialect: string
  readonly usernameColumn: string
  readonly usernameLength: number
  readonly columns: readonly Column[]
  readonly timeZone: string
  readonly set: Readonly<Record<string, string>>
}

/** Done, but not for every user. */
const IN_PART = 3
/** A new row has what is here in these, or what nobody may choose for all. */
const OURS: readonly string[] = ['id', 'password', ...COLUMNS.filter((column) => !/^(first|last)_name$/.test(column))]

/** `export django`. */
export function addExport(program: Command): void {
  program
    .command('export')
    .description('bring the users to another system')
    .command('django')
    .description("print the SQL that brings a table of Django's users up to date: it has hashes of passwords, so keep it to yourself")
    .addOption(new Option('--table <name>', 'the table, such as auth_user').argParser(name).makeOptionMandatory())
    .addOption(new Option('--dialect <name>', 'which database Django has').choices(Object.keys(DIALECTS)).makeOptionMandatory())
    .addOption(new Option('--username-column <name>', 'the column of the name').default('username').argParser(name))
    .addOption(new Option('--username-length <number>', 'how many characters that takes').default(150).argParser(length))
    .addOption(
      new Option('--columns <list>', 'what of these the table has').default(COLUMNS, `auth_user's: ${COLUMNS.join()}`).argParser(columns),
    )
    .addOption(new Option('--time-zone <name>', 'the TIME_ZONE of a project without USE_TZ, on SQLite').default('UTC').argParser(timeZone))
    .addOption(
      new Option('--set <column=value>', 'what a further column of a new row is; can be repeated').default({}, 'none').argParser(set),
    )
    .addHelpText(
      'after',
      `
A user who was deleted here is disabled there; without the column is_active, the password of such a one is made unusable, as is that of
one who is disabled here.
Apply it with psql -q -v ON_ERROR_STOP=1, or sqlite3 -bail: it is one transaction, and fails as a whole.
Exit code 3: it is complete, but standard error names users that are not in it as they are here.`,
    )
    .action((options: ExportOptions, command: Command) => {
      const taken = Object.keys(options.set).find((column) => [...OURS, options.usernameColumn].includes(column))
      if (taken !== undefined) command.error(`error: --set cannot set ${taken}, which every user has here`)
      return runCommand(async ({ db }) => {
        const [onMisfit, misfits] = teller()
        const watch = { onMisfit, onProgress: afterEachPage() }
        await db.readOneState((handle) => printAll(sqlForDjango(handle, tableOf(options), watch)))
        if (misfits() === 0) return
        console.error(`latchkey: written, but for ${misfits()} users as they are named above`)
        process.exitCode = IN_PART
      })
    })
}

function tableOf({ table, dialect, usernameColumn, usernameLength, columns, timeZone, set: values }: ExportOptions): DjangoTable {
  const sql = DIALECTS[dialect]?.(timeZone) as SqlDialect
  const others = columns.filter((column) => column !== usernameColumn)
  return { table, usernameColumn, usernameLength, columns: others, values, dialect: sql }
}

/** As fast as they are read: whoever reads may be a database that writes them. */
async function printAll(lines: AsyncIterable<string>): Promise<void> {
  await pipeline(Readable.from(lines, { highWaterMark: 1 }), process.stdout, { end: false })
}

const SAID: Readonly<Record<Misfit, string>> = {
  name_too_long: 'the name is longer than --username-length: an old row keeps its name, and no new one is made',
  hash_too_long: 'the hash is longer than 128 characters: the row gets an unusable one, so the user needs a new password',
}

function teller(): [onMisfit: ExportWatch['onMisfit'], misfits: () => number] {
  let misfits = 0
  const tell: ExportWatch['onMisfit'] = ({ id, username }, misfit) => {
    misfits++
    console.error(`latchkey: ${id} "${harmless(username)}": ${misfit}: ${SAID[misfit]}`)
  }
  return [tell, () => misfits]
}

function name(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('It must be a name.')
  return text
}

function length(text: string): number {
  const number = Number(text)
  if (!/^\d{1,4}$/.test(text) || number < 1) throw new InvalidArgumentError('It must be a whole number from 1 to 9999.')
  return number
}

function columns(text: string): readonly Column[] {
  const names = text.split(',').filter((name) => name !== '')
  const unknown = names.find((name) => !(COLUMNS as readonly string[]).includes(name))
  if (unknown !== undefined) throw new InvalidArgumentError(`It must be a list of ${COLUMNS.join(', ')}; others go to --set.`)
  return COLUMNS.filter((column) => names.includes(column))
}

function timeZone(text: string): string {
  if (!isTimeZone(text)) throw new InvalidArgumentError('It must be a time zone, like Europe/Berlin.')
  return text
}

function set(text: string, before: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const [, column, value] = /^([^=]+)=(.*)$/s.exec(text) ?? []
  if (column === undefined) throw new InvalidArgumentError('It must be COLUMN=VALUE, like locale=en.')
  return { ...before, [column]: value as string }
}
