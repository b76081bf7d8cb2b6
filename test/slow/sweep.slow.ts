import { statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import SQLite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { openDatabase } from '../../db/open.ts'
import { logIn, register, verify } from '../../harness/requests.ts'
import { PASSWORD } from '../helper.ts'
import { folder, start } from '../server/process.ts'
import { asker, pairOf } from './two-processes.ts'

const SESSIONS = 300_000
const DAY = 86_400
const MIB = 1024 * 1024
/** In milliseconds. */
const PATIENCE_MS = 200_000
const EVERY_MS = 5
/** The goal is 20, on a machine that does nothing else. */
const MOST_P99_MS = 500

/** A database with sessions of a thousand users that expired one after the other, the last of them some days ago. */
async function withExpired(t: Test, days: number): Promise<{ file: string; sqlite: SQLite.Database }> {
  const file = `${folder(t)}/latchkey.db`
  await (await openDatabase(`file:${file}`)).close()
  const sqlite = new SQLite(file)
  t.teardown(() => sqlite.close())
  const last = Math.floor(Date.now() / 1000) - days * DAY
  sqlite.exec(`
    begin;
    with recursive n (i) as (select 1 union all select i + 1 from n where i < 1000)
    insert into users (username, username_key, password, created_at) select 'user' || i, 'user' || i, '-', 0 from n;
    with recursive n (i) as (select 1 union all select i + 1 from n where i < ${SESSIONS})
    insert into sessions (user_id, sid_secret, created_at, refreshed_at, expires_at, refresh_jti, refresh_iat, refresh_exp, replaced, client)
    select 1 + i * 7919 % 1000, hex(randomblob(11)), 0, 0, e * 1000, hex(randomblob(11)), e - 86400, e, '', 'Browser/1.0'
    from (select i, ${last - SESSIONS} + i as e from n);
    commit; pragma wal_checkpoint(truncate)`)
  return { file, sqlite }
}

/** Asks for something every 5 ms, until it is told to end. @returns how many milliseconds each answer took */
async function latencies(ask: () => Promise<unknown>, isOver: () => boolean): Promise<number[]> {
  const took: number[] = []
  const asked: Promise<void>[] = []
  for (let next = performance.now(); !isOver(); next += EVERY_MS) {
    await sleep(Math.max(next - performance.now(), 0))
    const began = performance.now()
    asked.push(ask().then(() => void took.push(performance.now() - began)))
  }
  await Promise.all(asked)
  return took.toSorted((one, other) => one - other)
}

/** A service on a database, with the requests of a user. */
async function serve(t: Test, file: string) {
  const service = await start(t, { DATABASE_URL: `file:${file}`, LOG_LEVEL: 'info', LIMITS: 'off' })
  const ask = asker(t, service)
  await ask(register('alice', PASSWORD))
  const { access } = await pairOf(ask(logIn('alice', PASSWORD)))
  const check = async () => {
    const { status } = await ask(verify(access))
    if (status !== 200) throw new Error(`verify answers ${status}`)
  }
  return { service, check }
}

const expiryEvents = (sqlite: SQLite.Database) => sqlite.prepare("select count(*) from auth_events where reason = 'expired'").pluck().get()

t.test(
  `${SESSIONS} sessions that expired before SESSION_HISTORY are deleted while others are served, and the file does not grow`,
  async (t) => {
    const { file, sqlite } = await withExpired(t, 40)
    const before = statSync(file).size
    const { service, check } = await serve(t, file)
    const began = performance.now()
    const left = sqlite.prepare('select count(*) from (select 1 from sessions limit 2)').pluck()
    const isSwept = () => left.get() === 1 || performance.now() - began > PATIENCE_MS
    let longest = 0
    let isOver = false
    const asking = latencies(check, () => isOver)
    for (; !isSwept(); await sleep(100)) longest = Math.max(longest, statSync(`${file}-wal`).size)
    isOver = true
    const took = await asking
    const p99 = took[Math.floor(took.length * 0.99)] as number
    t.comment(
      `${Math.round(performance.now() - began)} ms; ${took.length} verifies, p99 ${p99.toFixed(1)} ms; -wal at most ${longest} bytes`,
    )
    t.equal(sqlite.prepare('select count(*) from sessions').pluck().get(), 1, 'the one that lives')
    t.equal(expiryEvents(sqlite), 0)
    t.ok(p99 < MOST_P99_MS, `${p99} ms`)
    t.ok(longest <= 8 * MIB, `the write-ahead log has ${longest} bytes`)
    t.match(await service.stop(), { code: 0 })
    t.ok(statSync(file).size <= before + MIB, `${before} bytes before, ${statSync(file).size} after`)
    t.match(service.output(), /"deleted":\d+,"msg":"sweeping: \d+ expired sessions deleted so far"/)
    t.match(
      service.output(),
      new RegExp(`"deleted":${SESSIONS},"ms":\\d+,"msg":"swept in \\d+ seconds: ${SESSIONS} expired sessions deleted"`),
    )
  },
)

t.test(`nothing is written of ${SESSIONS} sessions that expired within SESSION_HISTORY`, async (t) => {
  const { file, sqlite } = await withExpired(t, 1)
  const before = statSync(file).size
  const { service } = await serve(t, file)
  // More than one sweep.
  await sleep(22_000)
  t.equal(sqlite.prepare('select count(*) from sessions where ended_at is null').pluck().get(), SESSIONS + 1)
  t.equal(expiryEvents(sqlite), 0)
  t.match(await service.stop(), { code: 0 })
  t.ok(statSync(file).size <= before + MIB)
  t.notMatch(service.output(), 'swe')
})

t.test('a stop in the middle of a sweep does not wait for it', async (t) => {
  const { file, sqlite } = await withExpired(t, 40)
  const { service } = await serve(t, file)
  const first = sqlite.prepare('select min(id) from sessions').pluck()
  for (const began = performance.now(); first.get() === 1 && performance.now() - began < PATIENCE_MS; ) await sleep(20)
  t.match(await service.stop(), { code: 0 })
  t.ok((sqlite.prepare('select count(*) from sessions').pluck().get() as number) > SESSIONS / 2)
})
