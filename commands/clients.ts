import { type Command, InvalidArgumentError, Option } from 'commander'
import { listClients } from '../db/clients.ts'
import type { Client } from '../db/schema.ts'
import { createClient, revokeClient } from '../domain/accounts/clients.ts'
import { instant } from '../domain/clock.ts'
import { codePoints, excerpt, strip } from '../domain/text.ts'
import { limit } from './event-options.ts'
import { jsonOption, type OutputOptions, print } from './output.ts'
import { CommandError, runCommand } from './run.ts'

const NAME_LENGTH_LIMIT = 200

interface ListOptions extends OutputOptions {
  readonly limit: number
}

/** `clients create NAME`, `clients list`, `clients revoke ID`. */
export function addClients(program: Command): void {
  const clients = program.command('clients').description('the services that may introspect tokens')

  clients
    .command('create')
    .description('make a client, and show its secret, which is never shown again')
    .argument('<name>', 'what people call it; two clients may have the same', clientName)
    .addOption(jsonOption())
    .action((name: string, options: OutputOptions) =>
      runCommand(async (context) => {
        const { clientId: client_id, clientSecret: client_secret } = await createClient(context, name)
        print(options, { client_id, client_secret }, [{ client_id, client_secret }])
      }),
    )

  clients
    .command('list')
    .description('list clients, newest first, the revoked ones too')
    .addOption(new Option('--limit <number>', 'the most clients to list, up to 10000').default(100).argParser(limit))
    .addOption(jsonOption())
    .action((options: ListOptions) =>
      runCommand(async ({ db }) => {
        const clients = await listClients(db.read, options.limit + 1)
        const rows = clients.slice(0, options.limit).map(toRow)
        print(options, rows, rows)
        if (clients.length > rows.length) console.error('latchkey: there are more; --limit shows them')
      }),
    )

  clients
    .command('revoke')
    .description('withdraw a client: from now on it is refused')
    .argument('<id>', 'its client_id')
    .addOption(jsonOption())
    .action((id: string, options: OutputOptions) =>
      runCommand(async (context) => {
        const client = await revokeClient(context, id)
        if (client === undefined) throw new CommandError(`there is no client "${excerpt(id)}"; clients list shows those that there are`)
        print(options, toRow(client), [toRow(client)])
      }),
    )
}

/** All columns but the hash of the secret. */
function toRow({ client_id, name, created_at, revoked_at }: Client) {
  return { client_id, name, created_at: instant(created_at), revoked_at: revoked_at === null ? null : instant(revoked_at) }
}

function clientName(text: string): string {
  const name = strip(text)
  const isFit = name !== '' && codePoints(name) <= NAME_LENGTH_LIMIT && !/\p{Cc}/u.test(name)
  if (!isFit) throw new InvalidArgumentError(`It must be 1 to ${NAME_LENGTH_LIMIT} characters, and no control characters.`)
  return name
}
