import { type Command, Option } from 'commander'
import { endSession, listSessions } from '../domain/accounts/users-sessions.ts'
import { Problem } from '../domain/errors.ts'
import { excerpt } from '../domain/text.ts'
import { limit } from './event-options.ts'
import { jsonOption, type OutputOptions, print } from './output.ts'
import { CommandError, runCommand } from './run.ts'
import { rowOf, sessionDocument } from './user-document.ts'
import { aboutUser, userNamed } from './user-named.ts'

interface ListOptions extends OutputOptions {
  readonly limit: number
}

/** `sessions list NAME`, `sessions end ID`. */
export function addSessions(program: Command): void {
  const sessions = program.command('sessions').description('where users are logged in')

  aboutUser(sessions, 'list', 'list the live sessions of a user, the one used last first')
    .addOption(new Option('--limit <number>', 'the most sessions to list, up to 10000').default(100).argParser(limit))
    .action((name: string, options: ListOptions) =>
      runCommand(async (context) => {
        const { id } = await userNamed(context, name)
        const all = await listSessions(context, id)
        const shown = all.slice(0, options.limit).map(sessionDocument)
        print(options, shown, shown.map(rowOf))
        if (all.length > shown.length) console.error(`latchkey: there are ${all.length}; --limit shows more`)
      }),
    )

  sessions
    .command('end')
    .description('end one session: from now on its tokens are refused')
    .argument('<id>', 'its id, as sessions list and events show it')
    .addOption(jsonOption())
    .action((id: string, options: OutputOptions) =>
      runCommand(async (context) => {
        await endSession(context, undefined, id).catch((error) => {
          throw error instanceof Problem && error.code === 'not_found'
            ? new CommandError(`there is no live session "${excerpt(id)}"`)
            : error
        })
        const document = { id, is_ended: true }
        print(options, document, [rowOf(document)])
      }),
    )
}
