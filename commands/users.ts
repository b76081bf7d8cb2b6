import { type Command, Option } from 'commander'
import type { User } from '../db/schema.ts'
import { changeUser, deleteUser, type UserChanges } from '../domain/accounts/users.ts'
import { listUsers } from '../domain/accounts/users-list.ts'
import { endSessionsOf, listSessions } from '../domain/accounts/users-sessions.ts'
import { excerpt } from '../domain/text.ts'
import { limit } from './event-options.ts'
import { jsonOption, type OutputOptions, print } from './output.ts'
import { type Context, runCommand } from './run.ts'
import { rowOf, userDocument, wholeUserDocument } from './user-document.ts'
import { aboutUser, userNamed } from './user-named.ts'
import { addCreate, addSetPassword } from './users-passwords.ts'

interface ListOptions extends OutputOptions {
  readonly search?: string
  readonly staff?: true
  readonly superuser?: true
  readonly active?: true
  readonly disabled?: true
  readonly limit: number
  readonly cursor?: string
}

interface FlagOptions extends OutputOptions {
  readonly staff?: true
  readonly superuser?: true
}

/** The operator, who may do everything. */
const OPERATOR = undefined

/** `users create`, `list`, `show`, `set-password`, `rename`, `promote`, `demote`, `disable`, `enable`, `logout`, `delete`. */
export function addUsers(program: Command): void {
  const users = program.command('users').description('the people who log in')
  addCreate(users)
  addList(users)
  addShow(users)
  addSetPassword(users)
  addRename(users)
  addFlags(users, 'promote', promote)
  addFlags(users, 'demote', demote)
  addSwitch(users, 'disable', 'end all sessions of a user, and let no new one begin', false)
  addSwitch(users, 'enable', 'let a user log in again', true)
  addLogout(users)
  addDelete(users)
}

function addList(users: Command): void {
  users
    .command('list')
    .description('list users by name, a page at a time')
    .option('--search <prefix>', 'only those whose name begins so, whatever its case')
    .option('--staff', 'only staff')
    .option('--superuser', 'only superusers')
    .addOption(new Option('--active', 'only those who are not disabled').conflicts('disabled'))
    .option('--disabled', 'only those who are disabled')
    .addOption(new Option('--limit <number>', 'the most users to list, up to 10000').default(50).argParser(limit))
    .option('--cursor <cursor>', 'go on after the page that named this one; the other options stay the same')
    .addOption(jsonOption())
    .action((options: ListOptions) =>
      runCommand(async (context) => {
        const { search, staff, superuser, active, disabled, limit, cursor } = options
        const isActive = active ?? (disabled && false)
        const page = await listUsers(context, { search, isStaff: staff, isSuperuser: superuser, isActive, limit, cursor })
        const results = page.results.map(userDocument)
        print(options, { results, next: page.next }, results.map(rowOf))
        if (page.next !== null && !options.json) console.error(`latchkey: there are more; go on with --cursor=${page.next}`)
      }),
    )
}

function addShow(users: Command): void {
  aboutUser(users, 'show', 'show a user').action((username: string, options: OutputOptions) =>
    runCommand(async (context) => {
      const user = await userNamed(context, username)
      const document = wholeUserDocument(user, (await listSessions(context, user.id)).length)
      print(options, document, [rowOf(document)])
    }),
  )
}

function addRename(users: Command): void {
  aboutUser(users, 'rename', 'give a user another name; sessions go on')
    .argument('<new>', 'the new name')
    .action((name: string, username: string, options: OutputOptions) =>
      runCommand(async (context) => {
        const user = await userNamed(context, name)
        await changeAndPrint(context, user, { username }, `"${excerpt(user.username)}" is the name already`, options)
      }),
    )
}

/** What a command does to flags, and what its options are for. */
interface FlagsCommand {
  readonly description: string
  readonly staff: string
  readonly superuser: string
  changes(options: FlagOptions): UserChanges
}

/** A superuser who is not staff can do nothing by the API, and so there is no way to make one here. */
const promote: FlagsCommand = {
  description: 'make a user staff or a superuser',
  staff: 'who looks after users that are neither staff nor superusers',
  superuser: 'who does all that can be done, and is staff, too',
  changes: ({ superuser }) => ({ isStaff: true, ...(superuser && { isSuperuser: true }) }),
}

const demote: FlagsCommand = {
  description: 'let a user be staff or a superuser no more',
  staff: 'staff no more, nor a superuser',
  superuser: 'a superuser no more, but still staff',
  changes: ({ staff }) => ({ isSuperuser: false, ...(staff && { isStaff: false }) }),
}

function addFlags(users: Command, name: string, { description, staff, superuser, changes }: FlagsCommand): void {
  aboutUser(users, name, description)
    .option('--staff', staff)
    .option('--superuser', superuser)
    .action((username: string, options: FlagOptions, command: Command) => {
      if (!options.staff && !options.superuser) command.error('error: give --staff or --superuser')
      return runCommand(async (context) => {
        const user = await userNamed(context, username)
        await changeAndPrint(context, user, changes(options), `"${excerpt(username)}" was so already`, options)
      })
    })
}

function addSwitch(users: Command, name: string, description: string, isActive: boolean): void {
  aboutUser(users, name, description).action((username: string, options: OutputOptions) =>
    runCommand(async (context) => {
      const user = await userNamed(context, username)
      await changeAndPrint(context, user, { isActive }, `"${excerpt(username)}" was ${name}d already`, options)
    }),
  )
}

/** @param unless why nothing has changed, where nothing has */
async function changeAndPrint(context: Context, { id }: User, changes: UserChanges, unless: string, options: OutputOptions): Promise<void> {
  const { user, changed } = await changeUser(context, OPERATOR, id, changes)
  if (changed.length === 0) console.error(`latchkey: ${unless}; nothing has changed`)
  const document = userDocument(user)
  print(options, document, [rowOf(document)])
}

function addLogout(users: Command): void {
  aboutUser(users, 'logout', 'end all sessions of a user').action((name: string, options: OutputOptions) =>
    runCommand(async (context) => {
      const { id, username } = await userNamed(context, name)
      const ended_sessions = await endSessionsOf(context, OPERATOR, id)
      print(options, { username, ended_sessions }, [{ username, ended_sessions }])
    }),
  )
}

function addDelete(users: Command): void {
  aboutUser(users, 'delete', 'delete a user, with all sessions; what happened stays among the events').action(
    (name: string, options: OutputOptions) =>
      runCommand(async (context) => {
        const { id, username } = await userNamed(context, name)
        await deleteUser(context, OPERATOR, id)
        const document = { id, username, is_deleted: true }
        print(options, document, [rowOf(document)])
      }),
  )
}
