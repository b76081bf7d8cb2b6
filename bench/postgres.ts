// `npm run bench:postgres` prints what a service on PostgreSQL reaches beside the same on SQLite; `npm run bench:postgres -- refresh` only
// the rows whose names begin with one of the words.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../harness/free-ports.ts'
import type { Server } from './child.ts'
import { insertUsers } from './database.ts'
import { type Ask, compare, type Side, type Speed } from './measure.ts'
import { openBench } from './open.ts'
import { startPostgres } from './postgres-server.ts'
import { type Bench, logIn, ms, PASSWORD, perSecond, post } from './row.ts'

const USERS = 1000
/** Of the row of logins: it takes a while until each has its most sessions. */
const OTHERS = 200
const DELAY_MS = 1
/** Of the logins before the rows. */
const AT_ONCE = 8
/** Tokens outlive the run. */
const LIFE = { ACCESS_TOKEN_TTL: '86400', REFRESH_TOKEN_TTL: '86400' }

/** For the logins before the rows. */
const CHEAP = { ARGON2_MEMORY_KIB: '1024', ARGON2_ITERATIONS: '1' }

const NAMES = Array.from({ length: USERS }, (_, i) => `user-${i}`)
const OTHER_NAMES = Array.from({ length: OTHERS }, (_, i) => `other-${i}`)
const CREDENTIALS = OTHER_NAMES.map((username) => JSON.stringify({ username, password: PASSWORD }))

/** A service, and what its 1000 users send. */
interface Service {
  readonly server: Server
  readonly database?: Side['database']
  readonly access: readonly string[]
  /** Those that are good now. */
  refresh: readonly string[]
}

/** A row: what is asked, with so many connections, and how fast it is to be: compared with SQLite, and in µs of PostgreSQL's a request. */
interface Row {
  readonly what: string
  readonly kind: 'verify' | 'refresh' | 'login'
  readonly connections: number
  readonly ratio: number
  readonly cpuUs?: number
}

const rows: Readonly<Record<string, Row>> = {
  'verify-8': { what: 'verify', kind: 'verify', connections: 8, ratio: 0.35 },
  'verify-32': { what: 'verify', kind: 'verify', connections: 32, ratio: 0.75, cpuUs: 20 },
  'verify-64': { what: 'verify', kind: 'verify', connections: 64, ratio: 0.8 },
  'refresh-8': { what: 'refresh', kind: 'refresh', connections: 8, ratio: 0.5, cpuUs: 130 },
  'refresh-32': { what: 'refresh', kind: 'refresh', connections: 32, ratio: 0.5, cpuUs: 130 },
  login: { what: 'log in', kind: 'login', connections: 8, ratio: 0.8 },
}

const paths = { verify: '/api/token/verify/', refresh: '/api/token/refresh/', login: '/api/token/' }

function side(service: Service, { kind, connections }: Row): Side {
  const common = { path: paths[kind], connections, isTimed: true }
  const ask: Record<Row['kind'], Ask> = {
    verify: () => ({ ...common, bodies: service.access, supply: 'repeat' }),
    login: () => ({ ...common, bodies: CREDENTIALS, supply: 'repeat' }),
    refresh: (_seconds, last = service.refresh) => {
      service.refresh = last
      return { ...common, bodies: last, supply: 'chain' }
    },
  }
  return { server: service.server, database: service.database, ask: ask[kind] }
}

async function serve(bench: Bench, url: string, database?: Side['database']): Promise<Service> {
  const env = { ...LIFE, DATABASE_URL: url }
  const pairs = await logAllIn(await bench.startLatchkey({ env: { ...env, ...CHEAP } }), url)
  const server = await bench.startLatchkey({ env })
  await post(server, '/api/users/', { username: 'other', password: PASSWORD })
  await insertUsers(url, OTHER_NAMES, true, 'other')
  return {
    server,
    database,
    access: pairs.map(({ access }) => JSON.stringify({ token: access })),
    refresh: pairs.map(({ refresh }) => JSON.stringify({ refresh })),
  }
}

async function logAllIn(server: Server, url: string): Promise<{ access: string; refresh: string }[]> {
  await post(server, '/api/users/', { username: 'cheap', password: PASSWORD })
  await insertUsers(url, NAMES, true, 'cheap')
  const pairs: { access: string; refresh: string }[] = []
  for (let from = 0; from < USERS; from += AT_ONCE) {
    pairs.push(...(await Promise.all(NAMES.slice(from, from + AT_ONCE).map((name) => logIn(server, name)))))
  }
  await server.stop()
  return pairs
}

/** Another service on the database of one, far away from it. */
async function serveFarAway(bench: Bench, postgres: Awaited<ReturnType<typeof startPostgres>>, near: Service): Promise<Service> {
  const [port = 0] = await freePorts(1)
  const env = { ...process.env, PORT: String(port), TARGET_PORT: String(postgres.port), DELAY_MS: String(DELAY_MS) }
  const way = fork(join(import.meta.dirname, 'delay.ts'), { env })
  process.on('exit', () => way.kill('SIGKILL'))
  await once(way, 'message')
  way.channel?.unref()
  way.unref()
  const server = await bench.startLatchkey({ env: { ...LIFE, DATABASE_URL: postgres.url(port) } })
  return { ...near, server }
}

/** What a refresh is to PostgreSQL: a look-up of a session and its user, and an update of what a refresh changes. */
const REFRESH_ALONE = `\\set id random(1, ${USERS})
select * from users join sessions on sessions.user_id = users.id and sessions.id = :id;
update sessions set refreshed_at = refreshed_at + 1, refresh_jti = md5(refresh_jti), refresh_iat = refresh_iat + 1,
  refresh_exp = refresh_exp + 1, pending_jti = null, replaced = right(replaced || ' ' || refresh_jti || '@1767225600000', 460),
  address = address, client = client where id = :id and ended_at is null returning id;
`
const ALONE_SECONDS = 10

/** What PostgreSQL itself needs for a refresh on this machine, now: without our service, and with a load generator written in C. */
function printFloor(connections: number): void {
  const { rate, databaseCpuMs } = postgres.pgbench(REFRESH_ALONE, connections, ALONE_SECONDS)
  const what = `the statements of a refresh alone, by pgbench, ${connections} connections`
  console.log(`| ${[what, '', perSecond(rate), '', '', '', '', '', us(databaseCpuMs), ''].join(' | ')} |`)
}

const us = (valueMs: number) => `${Math.round(valueMs * 1000)} µs`

function print(what: string, [before, after]: readonly [Speed, Speed], wanted: string): void {
  const cells = [perSecond(before.rate), perSecond(after.rate), (after.rate / before.rate).toFixed(2), ms(before.p99Ms), ms(after.p99Ms)]
  console.log(`| ${[what, ...cells, us(before.cpuMs), us(after.cpuMs), us(after.databaseCpuMs), wanted].join(' | ')} |`)
}

const asked = process.argv.slice(2)
const isAsked = (name: string) => asked.length === 0 || asked.some((start) => name.startsWith(start))
const bench = await openBench()
const postgres = await startPostgres()
const onSqlite = await serve(bench, bench.databaseUrl)
const onPostgres = await serve(bench, postgres.url(), postgres)
console.log(`\nNode ${process.versions.node}, ${availableParallelism()} cores\n`)
console.log("| | SQLite | PostgreSQL | ratio | p99 SQLite | p99 | our CPU on SQLite | our CPU | PostgreSQL's | wanted |")
console.log('|---|---:|---:|---:|---:|---:|---:|---:|---:|---|')
for (const [name, row] of Object.entries(rows).filter(([name]) => isAsked(name))) {
  console.error(`${name} …`)
  const speeds = await compare(bench.loader, side(onSqlite, row), side(onPostgres, row))
  const wanted = `≥ ${row.ratio.toFixed(2)}${row.cpuUs === undefined ? '' : `, ≤ ${row.cpuUs} µs`}`
  print(`${row.what}, ${row.connections} connections`, speeds as [Speed, Speed], wanted)
}
if (isAsked('far')) {
  const row = { ...rows['verify-64'], connections: 64 } as Row
  const far = await serveFarAway(bench, postgres, onPostgres)
  const speeds = await compare(bench.loader, side(onPostgres, row), side(far, row))
  print(`verify, 64 connections, PostgreSQL ${DELAY_MS} ms away; beside it`, speeds as [Speed, Speed], '≥ 0.50')
  await far.server.stop()
}
// At the end, for the tokens of these sessions are good no more then.
for (const { connections } of Object.entries(rows).flatMap(([name, row]) => (row.kind === 'refresh' && isAsked(name) ? [row] : []))) {
  printFloor(connections)
}
await onSqlite.server.stop()
await onPostgres.server.stop()
await bench.close()
await postgres.stop()
process.exit()
