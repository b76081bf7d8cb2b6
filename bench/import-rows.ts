// How long an import of users takes, how much memory, and how fast a service beside it goes on.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuMs, NODE_FLAGS, type Server } from './child.ts'
import { withDatabase } from './database.ts'
import type { Outcome } from './load.ts'
import { quantile } from './measure.ts'
import { type Bench, CONNECTIONS, type Line, logIn, mb, ms } from './row.ts'

const FEW = 100_000
const MANY = 1_000_000
const ASK_AGAIN_MS = 20
/** The process has started by then, and writes. */
const START_MS = 1500
const LOAD_SECONDS = 10
const REFRESHES_PER_SECOND = 200

/** The table of users as Django makes it. */
const AUTH_USER = `CREATE TABLE "auth_user" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "password" varchar(128) NOT NULL, "last_login" datetime NULL,
  "is_superuser" bool NOT NULL, "username" varchar(150) NOT NULL UNIQUE, "last_name" varchar(150) NOT NULL, "email" varchar(254) NOT NULL,
  "is_staff" bool NOT NULL, "is_active" bool NOT NULL, "date_joined" datetime NOT NULL, "first_name" varchar(150) NOT NULL)`

/** What an import took. */
interface Cost {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly peakMb: number
}

export const importRows: Record<string, (bench: Bench) => Promise<Line[]>> = {
  import: async (bench) => {
    const few = await importAlone(bench, FEW)
    const again = await importAlone(bench, FEW, 'again')
    const many = await importAlone(bench, MANY)
    const [alone, beside] = await besideImport(bench)
    const line = (what: string, latchkey: string, wanted: string, more: Partial<Line> = {}): Line => ({ what, latchkey, wanted, ...more })
    const seconds = (value: number) => `${value.toFixed(1)} s`
    return [
      line(`import of ${FEW} users`, seconds(few.seconds), '≤ 10 s', { cpu: `${seconds(few.cpuSeconds)} in all` }),
      line('the same again, nothing changed', seconds(again.seconds), '', { cpu: `${seconds(again.cpuSeconds)} in all` }),
      line(`import of ${MANY} users`, seconds(many.seconds), '', { cpu: `${seconds(many.cpuSeconds)} in all` }),
      line(`its peak memory; that of ${FEW}`, mb(many.peakMb), '≤ 200 MB, ratio ≤ 1.2', {
        floor: mb(few.peakMb),
        ratio: many.peakMb / few.peakMb,
      }),
      line('p99 of refreshes beside an import; alone', ms(beside), '≤ 25 ms', { floor: ms(alone), ratio: beside / alone }),
    ]
  },
}

/** Imports into a database of its own: without `again` into a new one. */
async function importAlone(bench: Bench, users: number, again?: 'again'): Promise<Cost> {
  const url = `file:${place(bench, `import-${users}.db`)}`
  if (again === undefined) {
    makeDjango(bench, users)
    await withDatabase(url, async () => {})
  }
  const began = performance.now()
  const child = startImport(bench, users, url)
  const ended = once(child, 'exit')
  let [peakMb, cpu] = [0, 0]
  while (child.exitCode === null && child.signalCode === null) {
    // Of a process that has just ended nothing is known any more.
    const now = peakMbOf(child.pid as number)
    if (now !== undefined) [peakMb, cpu] = [now, cpuMs(child.pid as number)]
    await sleep(ASK_AGAIN_MS)
  }
  const [code] = await ended
  if (code !== 0) throw new Error(`the import ended with ${code}`)
  return { seconds: (performance.now() - began) / 1000, cpuSeconds: cpu / 1000, peakMb }
}

/** The 99th percentiles of refreshes of a service, alone and beside an import, in milliseconds. */
async function besideImport(bench: Bench): Promise<[number, number]> {
  const server = await bench.startLatchkey()
  const alone = await refreshMs(bench, server)
  const child = startImport(bench, MANY, bench.databaseUrl)
  const ended = once(child, 'exit')
  await sleep(START_MS)
  const beside = await refreshMs(bench, server)
  if (child.exitCode !== null) throw new Error('the import was over before the refreshes were')
  child.kill('SIGINT')
  await ended
  await server.stop()
  return [alone, beside]
}

async function refreshMs({ loader }: Bench, server: Server): Promise<number> {
  const bodies: string[] = []
  for (let each = 0; each < CONNECTIONS; each++) bodies.push(JSON.stringify({ refresh: (await logIn(server)).refresh }))
  const load = { port: server.port, path: '/api/token/refresh/', connections: CONNECTIONS, supply: 'chain', bodies } as const
  const [outcome] = (await loader.run({ ...load, seconds: LOAD_SECONDS, perSecond: REFRESHES_PER_SECOND })) as [Outcome]
  return quantile(outcome.latenciesMs, 0.99)
}

function startImport(bench: Bench, users: number, url: string): ChildProcess {
  const args = [
    ...NODE_FLAGS,
    join(import.meta.dirname, '../cli.ts'),
    'import',
    'django',
    `file:${place(bench, `django-${users}.sqlite3`)}`,
    '--commit',
  ]
  return spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, DATABASE_URL: url } })
}

function makeDjango(bench: Bench, users: number): void {
  const django = new DatabaseSync(place(bench, `django-${users}.sqlite3`))
  django.exec(`pragma synchronous = off; ${AUTH_USER};
    insert into auth_user with recursive n(i) as (select 1 union all select i + 1 from n where i < ${users})
      select i, 'pbkdf2_sha256$' || (870000 + i % 2 * 130000) || '$' || hex(randomblob(11)) || '$' || substr(hex(randomblob(22)), 2) || '=',
        '2026-02-03 04:05:06.789012', 0, 'user-' || i, 'Last', 'user-' || i || '@example.com', 0, 1, '2025-01-02 03:04:05.678901', 'First' from n`)
  django.close()
}

function place({ databaseUrl }: Bench, name: string): string {
  return join(dirname(databaseUrl.slice('file:'.length)), name)
}

function peakMbOf(pid: number): number | undefined {
  const [, kib] = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return kib === undefined ? undefined : Number(kib) / 1024
}
