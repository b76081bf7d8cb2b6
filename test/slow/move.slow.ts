// A database of the size of a real one is moved to PostgreSQL and back, by processes of their own, while clients keep their tokens.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import SQLite from 'better-sqlite3'
import { sql } from 'kysely'
import t, { type Test } from 'tap'
import type { Database } from '../../db/database.ts'
import { moveRows } from '../../db/moving/move.ts'
import { movedTables } from '../../db/moving/rows.ts'
import { openDatabase } from '../../db/open.ts'
import type { TokenPair } from '../../domain/sessions/grant.ts'
import { logIn, logOut, refresh, register, verify } from '../../harness/requests.ts'
import { contentOf, fillWithSample } from '../db/moving/sample.ts'
import { claimsOf, PASSWORD } from '../helper.ts'
import { bare, environment, folder, ROOT, run, start } from '../server/process.ts'
import { startBouncer } from './postgres/bouncer.ts'
import { startServer } from './postgres/server.ts'
import { type Ask, asker, pairOf } from './two-processes.ts'

const MANY = 100_000
/** Their tokens are in the hands of clients; those of the others nobody has. */
const CLIENTS = ['ann', 'ben', 'cleo', 'dan']

/** Less than the rows have. */
const HEAP_MB = 64
const command = [...bare(process.execPath, `--max-old-space-size=${HEAP_MB}`), 'cli.ts', 'move', '--to']

/** The services of before and after agree on their address. */
const settings = { PUBLIC_URL: 'https://auth.example.com', LOG_LEVEL: 'info' }

/** Users with a session each, and some events of logins, in SQL: to register them would take a day. */
const FILL = `
  insert into users (username, username_key, password, created_at)
    with recursive n(i) as (select 1 union all select i + 1 from n where i < ${MANY})
    select 'user-' || i, 'user-' || i, (select password from users where username = 'ann'), 1767225600000 + i from n;
  insert into sessions (sid_secret, user_id, created_at, refreshed_at, expires_at, refresh_jti, refresh_iat, refresh_exp, replaced, address, client)
    select hex(randomblob(8)), users.id, s.created_at, s.refreshed_at, s.expires_at, hex(randomblob(16)), s.refresh_iat, s.refresh_exp,
      hex(randomblob(16)) || '@' || s.refreshed_at, '192.0.2.7', s.client
    from users, (select * from sessions limit 1) s where username like 'user-%';
  insert into auth_events (at, last_at, kind, user_id, username, session_id, address, client)
    select created_at, created_at, 'login', user_id, 'user-' || user_id, id || '.' || sid_secret, address, client from sessions where id % 10 = 0`

const server = await startServer(t)

t.test('a job that says that it is long outlives the two seconds that a statement has', async (t) => {
  const db = await openDatabase(await server.makeDatabase('long'))
  t.teardown(() => db.close())
  await db.write((handle) => sql`select pg_sleep(2.5)`.execute(handle), { isLong: true })
  await t.rejects(db.write((handle) => sql`select pg_sleep(2.5)`.execute(handle)))
})

t.test(`${MANY} users and their live sessions are moved to PostgreSQL and back, and clients go on with their tokens`, async (t) => {
  const file = join(folder(t), 'latchkey.db')
  const pairs = await liveOn(t, `file:${file}`)
  fill(file)

  await killedInTheMiddle(t, file, pairs.ann as TokenPair)
  await moved(t, `file:${file}`, server.url())
  await goOn(t, server.url(), pairs, 'eve')

  const back = join(folder(t), 'latchkey.db')
  await moved(t, server.url(), `file:${back}`)
  await goOn(t, `file:${back}`, pairs, 'fay')
})

t.test('through PgBouncer all is moved, there and back', async (t) => {
  const port = await startBouncer(t, server)
  await server.makeDatabase('bounced')
  const urls = [`file:${folder(t)}/latchkey.db`, server.url({ database: 'bounced', port }), `file:${folder(t)}/latchkey.db`]
  const open = async (url: string) => {
    const db = await openDatabase(url)
    t.teardown(() => db.close())
    return db
  }
  const [first, bounced, last] = (await Promise.all(urls.map(open))) as [Database, Database, Database]
  await fillWithSample(first)
  await moveRows(first, bounced, () => {})
  await moveRows(bounced, last, () => {})
  for (const each of [bounced, last]) t.same(await contentOf(each), await contentOf(first))
})

/** Serves a database as long as `use` lasts. */
async function serving<T>(t: Test, url: string, use: (ask: Ask) => Promise<T>): Promise<T> {
  const service = await start(t, { DATABASE_URL: url, ...settings })
  const result = await use(asker(t, service))
  t.match(await service.stop(), { code: 0 })
  return result
}

/** Registers the clients, and logs them in. Resolves to their tokens. */
function liveOn(t: Test, url: string): Promise<Record<string, TokenPair>> {
  return serving(t, url, async (ask) => {
    const pairs: Record<string, TokenPair> = {}
    for (const name of CLIENTS) {
      t.equal((await ask(register(name, PASSWORD))).status, 201)
      pairs[name] = await pairOf(ask(logIn(name, PASSWORD)))
    }
    return pairs
  })
}

function fill(file: string): void {
  const sqlite = new SQLite(file)
  sqlite.exec(`begin; ${FILL}; commit`)
  sqlite.close()
}

/** While a service serves the old database, too: it is refused writes, not reads, and goes on where it was when the move is killed. */
async function killedInTheMiddle(t: Test, file: string, pair: TokenPair): Promise<void> {
  await serving(t, `file:${file}`, async (ask) => {
    const env = environment({ ...settings, DATABASE_URL: `file:${file}` })
    const child = spawn(command[0] as string, [...command.slice(1), server.url()], { cwd: ROOT, env, stdio: ['ignore', 'ignore', 'pipe'] })
    t.teardown(() => child.kill('SIGKILL'))
    const [line] = await once(createInterface({ input: child.stderr }), 'line')
    t.match(line, /^latchkey: users: \d+ of \d+ rows$/)
    child.kill('SIGSTOP')
    t.strictSame(await ask(verify(pair.access)), { status: 200, body: {} })
    t.match(await ask(refresh(pair.refresh)), { status: 503, body: { code: 'database_unavailable' } })
    child.kill('SIGKILL')
    await once(child, 'exit')
    Object.assign(pair, await pairOf(ask(refresh(pair.refresh))))
  })
  const counts = await Promise.all(movedTables.map((table) => server.column<string>(`select count(*) from ${table}`)))
  t.strictSame(counts.flat(), Array(movedTables.length).fill('0'), 'the target has no rows')
}

async function moved(t: Test, from: string, to: string): Promise<void> {
  const began = performance.now()
  const { code, stdout, stderr } = await run(t, { ...settings, DATABASE_URL: from }, [...command, to])
  t.equal(code, 0, stderr)
  const rows = Object.fromEntries([...stdout.matchAll(/^(\w+) +(\d+)$/gm)].map(([, table, rows]) => [table, Number(rows)]))
  t.strictSame(Object.keys(rows), movedTables)
  for (const table of ['users', 'sessions']) t.ok((rows[table] as number) > MANY, table)
  t.comment(`moved ${JSON.stringify(rows)} in ${Math.round(performance.now() - began)} ms`)
}

/** Clients verify, refresh and log out with the tokens that they had. One that logs out is in no later round. */
async function goOn(t: Test, url: string, pairs: Record<string, TokenPair>, newcomer: string): Promise<void> {
  const leaver = Object.keys(pairs).at(-1) as string
  const highest = await highestUserId(url)
  await serving(t, url, async (ask) => {
    for (const [name, { access, refresh: token }] of Object.entries(pairs)) {
      t.strictSame(await ask(verify(access)), { status: 200, body: {} }, name)
      pairs[name] = await pairOf(ask(refresh(token)))
    }
    const { access, refresh: token } = pairs[leaver] as TokenPair
    t.equal((await ask(logOut(token))).status, 200)
    t.equal((await ask(verify(access))).status, 401)
    delete pairs[leaver]
    t.equal((await ask(register(newcomer, PASSWORD))).status, 201)
    pairs[newcomer] = await pairOf(ask(logIn(newcomer, PASSWORD)))
    t.equal(claimsOf(pairs[newcomer].access).user_id, highest + 1, 'no id comes again')
  })
}

async function highestUserId(url: string): Promise<number> {
  const db = await openDatabase(url)
  const { id } = await db.read.selectFrom('users').select('id').orderBy('id', 'desc').limit(1).executeTakeFirstOrThrow()
  await db.close()
  return id
}
