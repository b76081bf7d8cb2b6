import type { Command } from 'commander'
import { logOutUser, setActive } from '../domain/accounts/administration.ts'
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
        const ended_sessions = await logOutUser(context, username)
        if (ended_sessions === undefined) throw noSuchUser(username)
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
        const isChange = await setActive(context, username, isActive)
        if (isChange === undefined) throw noSuchUser(username)
        if (!isChange) console.error(`latchkey: "${excerpt(username)}" was ${name}d already; nothing has changed`)
        print(options, { username, is_active: isActive }, [{ username, is_active: isActive ? 'yes' : 'no' }])
      }),
    )
}

function noSuchUser(username: string): CommandError {
  return new CommandError(`there is no user "${excerpt(username)}"`)
}
