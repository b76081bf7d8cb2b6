// What staff asks for, with a million users: how long a page keeps the event loop from everybody else.
import { dirname, join } from 'node:path'
import { sql } from 'kysely'
import type { Handle } from '../db/database.ts'
import type { Server } from './child.ts'
import { withDatabase } from './database.ts'
import { median } from './measure.ts'
import { type Bench, type Line, logIn, ms, PASSWORD, post } from './row.ts'

const MANY = 1_000_000
/** What the same is compared with: whatever grows with the number of users shows. */
const FEW = 1000
const BATCH = 100_000
const STAFF = 'staff'
const DEEP_PAGE = 1000
/** A try is some requests, one after the other: the longest block of the event loop among them counts, and of all tries the least. */
const TRIES = 20
const REQUESTS = 20
const WANTED = '≤ 5 ms'

interface Page {
  readonly next: string | null
}

/** A service on a database with so many users, and the token of one of its staff. */
interface Staffed {
  readonly server: Server
  readonly access: string
}

/** The path of a page, by what comes before it. */
type Ask = (staffed: Staffed) => Promise<string>

const QUESTIONS: readonly (readonly [what: string, ask: Ask])[] = [
  ['the first page of all users', async () => '/api/users/'],
  [`their ${DEEP_PAGE}th page`, deepPage],
  ['a search', async () => '/api/users/?search=user-55'],
  ['a search among those who are active and no staff', async () => '/api/users/?search=user-55&is_active=true&is_staff=false'],
]

export const userRows: Record<string, (bench: Bench) => Promise<Line[]>> = {
  users: async (bench) => {
    const many = await staffed(bench, MANY)
    const few = await staffed(bench, FEW)
    const lines: Line[] = []
    for (const [what, ask] of QUESTIONS) {
      const [held, floor] = [await heldMs(many, await ask(many)), await heldMs(few, await ask(few))]
      lines.push({
        what: `event loop blocked by ${what}, of ${MANY}; of ${FEW}`,
        latchkey: `${ms(Math.min(...held))}, in the median ${ms(median(held))}`,
        floor: ms(Math.min(...floor)),
        ratio: Math.min(...held) / Math.min(...floor),
        wanted: WANTED,
      })
    }
    await many.server.stop()
    await few.server.stop()
    return lines
  },
}

/** The last one, where there are not so many. */
async function deepPage(staffed: Staffed): Promise<string> {
  let path = '/api/users/'
  for (let page = 1; page < DEEP_PAGE; page++) {
    const { next } = await get(staffed, path)
    if (next === null) break
    path = `/api/users/?cursor=${encodeURIComponent(next)}`
  }
  return path
}

/** How long the event loop was blocked at most, for each try; the first one warms up. Other work only adds to it. */
async function heldMs(staffed: Staffed, path: string): Promise<number[]> {
  const held: number[] = []
  for (let turn = 0; turn <= TRIES; turn++) {
    for (let request = 0; request < REQUESTS; request++) await get(staffed, path)
    held.push(await staffed.server.loopHeldMs())
  }
  return held.slice(1)
}

async function get({ server, access }: Staffed, path: string): Promise<Page> {
  const answer = await fetch(`http://127.0.0.1:${server.port}${path}`, { headers: { authorization: `Bearer ${access}` } })
  if (!answer.ok) throw new Error(`${path} answers ${answer.status}`)
  return (await answer.json()) as Page
}

async function staffed(bench: Bench, users: number): Promise<Staffed> {
  const file = join(dirname(bench.databaseUrl.slice('file:'.length)), `${users}-users.db`)
  const env = { DATABASE_URL: `file:${file}`, ACCESS_TOKEN_TTL: '3600' }
  await fill(env.DATABASE_URL, users)
  const server = await bench.startLatchkey({ env, watchesLoop: true })
  await post(server, '/api/users/', { username: STAFF, password: PASSWORD })
  await withDatabase(env.DATABASE_URL, (db) => db.write(appoint))
  return { server, access: (await logIn(server, STAFF)).access }
}

function appoint(handle: Handle): Promise<unknown> {
  return handle.updateTable('users').set({ is_staff: 1 }).where('username', '=', STAFF).execute()
}

/** In SQL: to register them would take hours. */
function fill(url: string, users: number): Promise<void> {
  return withDatabase(url, async (db) => {
    for (let from = 0; from < users; from += BATCH) {
      const upTo = Math.min(from + BATCH, users)
      await db.write((handle) => insertUsers(handle, from, upTo), { isLong: true })
      await db.tidy({ isWritingMuch: true })
    }
  })
}

function insertUsers(handle: Handle, from: number, upTo: number): Promise<unknown> {
  const numbers = sql`with recursive n(i) as (select cast(${from} as integer) union all select i + 1 from n where i + 1 < cast(${upTo} as integer))`
  const columns = sql`insert into users (username, username_key, password, created_at, changed_at)`
  return sql`${columns} ${numbers} select 'user-' || i, 'user-' || i, '-', i, i from n`.execute(handle)
}
