import type { Command } from 'commander'
import type { User } from '../db/schema.ts'
import { changeUser } from '../domain/accounts/users.ts'
import { endSessionsOf } from '../domain/accounts/users-sessions.ts'
import type { Core } from '../domain/context.ts'
import { findUserNamed } from '../domain/names.ts'
import { excerpt } from '../domain/text.ts'
import { jsonOption, type OutputOptions, print } from './output.ts'
import { CommandError, runCommand } from './run.ts'

/** `users disable NAME`, `users enable NAME`, `users logout NAME`. */
export function addUsers(program: Command): void {
  const users = program.command('users').description('the people who log in')
  addSwitch(users, 'disable', 'end all sessions of a user, and let no new one begin', false)
  addSwitch(users, 'enable', 'let a user log in again', true)

  users
    .command('logout')
    .description('end all sessions of a user')
    .argument('<name>', 'exactly the name')
    .addOption(jsonOption())
    .action((username: string, options: OutputOptions) =>
      runCommand(async (context) => {
        const ended_sessions = await endSessionsOf(context, undefined, (await userNamed(context, username)).id)
        print(options, { username, ended_sessions }, [{ username, ended_sessions }])
      }),
    )
}

function addSwitch(users: Command, name: string, description: string, isActive: boolean): void {
  users
    .command(name)
    .description(description)
    .argument('<name>', 'exactly the name')
    .addOption(jsonOption())
    .action((username: string, options: OutputOptions) =>
      runCommand(async (context) => {
        const { changed } = await changeUser(context, undefined, (await userNamed(context, username)).id, { isActive })
        if (changed.length === 0) console.error(`latchkey: "${excerpt(username)}" was ${name}d already; nothing has changed`)
        print(options, { username, is_active: isActive }, [{ username, is_active: isActive ? 'yes' : 'no' }])
      }),
    )
}

async function userNamed({ db }: Core, username: string): Promise<User> {
  const user = await findUserNamed(db.read, username)
  if (user === undefined) throw new CommandError(`there is no user "${excerpt(username)}"`)
  return user
}
