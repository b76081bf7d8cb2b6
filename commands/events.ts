import { type Command, InvalidArgumentError, Option } from 'commander'
import { hashOfName, openKeyedHash } from '../domain/keyed-hash.ts'
import { type Happened, listHistory } from '../domain/sessions/history.ts'
import { strip } from '../domain/text.ts'
import { instant, jsonOption, type OutputOptions, print } from './output.ts'
import { runCommand } from './run.ts'

const MOST = 10_000
const CLIENT_WIDTH = 60
const HASH_WIDTH = 8

interface EventsOptions extends OutputOptions {
  readonly user?: string
  readonly limit: number
}

/** `events`. */
export function addEvents(program: Command): void {
  program
    .command('events')
    .description('list what happened to users, sessions, keys and clients, newest first')
    .addOption(new Option('--user <name>', "only what happened to the user of exactly this name, or where it was typed and was no user's"))
    .addOption(new Option('--limit <number>', `the most events to list, up to ${MOST}`).default(100).argParser(limit))
    .addOption(jsonOption())
    .action((options: EventsOptions) =>
      runCommand(async (context) => {
        const { user, limit } = options
        const events = await listHistory(context, { limit, ...(user !== undefined && (await ofName(context, user))) })
        print(options, events.map(toDocument), events.map(toRow))
      }),
    )
}

/** The service hashes a name as it looks it up: without the white space around it. */
async function ofName(context: Parameters<typeof openKeyedHash>[0], username: string) {
  return { username, nameHash: hashOfName(await openKeyedHash(context), strip(username)) }
}

/** Every column, with its times in ISO 8601. */
function toDocument(event: Happened): object {
  return { ...event, at: instant(event.at), last_at: instant(event.last_at) }
}

/** What is repeated within a minute is one event, with the time of the first and the number of `times`. */
function toRow({ at, kind, reason, username, name_hash, subject, session_id, count, address, client }: Happened) {
  return {
    time: instant(at),
    what: kind,
    why: reason,
    who: username ?? (name_hash === null ? subject : `(unknown name ${name_hash.slice(0, HASH_WIDTH)}…)`),
    session: session_id,
    times: count,
    from: address,
    client: client !== null && client.length > CLIENT_WIDTH ? `${client.slice(0, CLIENT_WIDTH - 1)}…` : client,
  }
}

function limit(text: string): number {
  const number = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (number < 1 || number > MOST) throw new InvalidArgumentError(`It must be a whole number from 1 to ${MOST}.`)
  return number
}
