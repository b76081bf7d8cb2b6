import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import { DatabaseLost } from '../db/errors.ts'
import type { EventKind } from '../db/schema.ts'
import { instant } from '../domain/clock.ts'
import { EVENT_KINDS } from '../domain/events/kinds.ts'
import type { Search } from '../domain/events/search.ts'
import { hashOfName, openKeyedHash } from '../domain/keyed-hash.ts'
import { findUserNamed } from '../domain/names.ts'
import { followHistory, type Happened, listHistory } from '../domain/sessions/history.ts'
import { strip } from '../domain/text.ts'
import { address, limit, type When, when } from './event-options.ts'
import { jsonOption, type OutputOptions, print, printer } from './output.ts'
import { CommandError, type Context, runCommand } from './run.ts'

const DAY_MS = 86_400_000
/** How far back is looked where no index leads to the events that are sought. */
const UNLESS_SINCE_DAYS = 7
const LOOK_EVERY_MS = 1000
const CLIENT_WIDTH = 60
const HASH_WIDTH = 8

interface EventsOptions extends OutputOptions {
  readonly user?: string
  readonly kind?: readonly EventKind[]
  readonly since?: When
  readonly until?: When
  readonly address?: Pick<Search, 'addresses' | 'range'>
  readonly limit: number
  readonly follow?: true
}

/** `events`. */
export function addEvents(program: Command): void {
  program
    .command('events')
    .description('list what happened to users, sessions, keys and clients, newest first')
    .addOption(new Option('--user <name>', "only what happened to the user of this name, or where it was typed and was no user's"))
    .addOption(new Option('--kind <kind...>', 'only events of these kinds').choices(EVENT_KINDS))
    .addOption(
      new Option('--since <time>', 'only what began at this time or later: 2026-01-31, 2026-01-31T12:00:00Z, or 2h ago').argParser(when),
    )
    .addOption(new Option('--until <time>', 'only what began before this time').argParser(when).conflicts('follow'))
    .addOption(new Option('--address <address>', 'only what came from this address, or from this range (CIDR)').argParser(address))
    .addOption(new Option('--limit <number>', 'the most events to list, up to 10000').default(100).argParser(limit))
    .addOption(
      new Option('--follow', 'oldest first, and go on with those that come, until it is interrupted; with --json one document a line'),
    )
    .addOption(jsonOption())
    .addHelpText('after', `\nWith --kind or --address, but neither --user nor --since, it looks ${UNLESS_SINCE_DAYS} days back.`)
    .action((options: EventsOptions) => runCommand((context) => (options.follow ? follow(context, options) : list(context, options))))
}

async function list(context: Context, options: EventsOptions): Promise<void> {
  const search = await searchOf(context, options)
  const events = await listHistory(context, search)
  print(options, events.map(toDocument), events.map(toRow))
  if (events.length < search.limit && search.since !== undefined && options.since === undefined) {
    console.error(`latchkey: it looked ${UNLESS_SINCE_DAYS} days back; --since looks further`)
  }
}

/** Ends without an error when it is interrupted; that nobody reads any more ends the program, in cli.ts. */
async function follow(context: Context, options: EventsOptions): Promise<void> {
  const over = new AbortController()
  const stop = () => over.abort()
  process.once('SIGINT', stop).once('SIGTERM', stop)
  const pause = async () => {
    const isOver = await sleep(LOOK_EVERY_MS, false, over).catch(() => true)
    if (!isOver) await lookAfter(context)
    return !isOver
  }
  const show = printer(options)
  const search = await searchOf(context, options)
  for await (const event of followHistory(context, search, pause, () => performance.now())) {
    if (over.signal.aborted) return
    show(toDocument(event), toRow(event))
  }
}

/** @throws {CommandError} when the database is not the one any more that the service has: nothing would ever come */
async function lookAfter({ db }: Context): Promise<void> {
  try {
    await db.look()
  } catch (error) {
    if (!(error instanceof DatabaseLost)) throw error
    throw new CommandError(`${error.change}: run this again to follow the one that is in its place`)
  }
}

async function searchOf(context: Context, { user, kind, since, until, address, limit }: EventsOptions): Promise<Search> {
  const now = context.clock()
  const isBounded = user !== undefined || since !== undefined || (kind === undefined && address === undefined)
  return {
    limit,
    ...(user !== undefined && (await ofName(context, user))),
    ...(kind && { kinds: kind }),
    ...address,
    ...(isBounded ? since && { since: since(now) } : { since: now - UNLESS_SINCE_DAYS * DAY_MS }),
    ...(until && { until: until(now) }),
  }
}

/** The service looks a name up, and hashes it, without the white space around it and in whatever Unicode form it is. */
async function ofName(context: Context, text: string) {
  const typed = strip(text)
  const user = await findUserNamed(context.db.read, typed)
  return { username: user?.username ?? typed, nameHash: hashOfName(await openKeyedHash(context), typed) }
}

/** Every column, with its times in ISO 8601. */
function toDocument(event: Happened): object {
  return { ...event, at: instant(event.at), last_at: instant(event.last_at) }
}

/** What is repeated within a minute is one event, with the time of the first and the number of `times`. */
function toRow({ at, kind, reason, username, name_hash, subject, session_id, count, address, request_id, client }: Happened) {
  return {
    time: instant(at),
    what: kind,
    why: reason,
    who: username ?? (name_hash === null ? subject : `(unknown name ${name_hash.slice(0, HASH_WIDTH)}…)`),
    session: session_id,
    times: count,
    from: address,
    request: request_id,
    client: client !== null && client.length > CLIENT_WIDTH ? `${client.slice(0, CLIENT_WIDTH - 1)}…` : client,
  }
}
