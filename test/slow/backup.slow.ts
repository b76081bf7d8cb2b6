// Backups of a database that a service writes, and restores that are killed.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readdirSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import SQLite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { loadConfig } from '../../config.ts'
import { copiesOf, openDatabase } from '../../db/open.ts'
import { settleRestored } from '../../domain/accounts/restored.ts'
import { systemClock } from '../../domain/clock.ts'
import { logIn, refresh, register } from '../../harness/requests.ts'
import { databaseUrl, fileOf } from '../databases.ts'
import { claimsOf, PASSWORD } from '../helper.ts'
import { bare, environment, folder, ROOT, run, start } from '../server/process.ts'
import { type Ask, asker, pairOf } from './two-processes.ts'

const BACKUPS = 1000
/** Every so many go through the command, whose process takes half a second. */
const BY_COMMAND = 200
/** Between two refreshes: a service that writes all the time, and leaves the machine to the rest. */
const PAUSE_MS = 5
const KILLS = 30
/** What the database has beside its users: a restore of it takes long enough to be killed in. */
const FILLING_BYTES = 10_000_000

const command = bare(process.execPath, 'cli.ts')
const quiet = { tell: () => {}, signal: new AbortController().signal }

async function backUp(t: Test, file: string, to: string, isByCommand: boolean): Promise<void> {
  if (!isByCommand) return void (await copiesOf(`file:${file}`)?.backUp(to, { isReplacing: true, ...quiet }))
  t.match(await run(t, { DATABASE_URL: `file:${file}` }, [...command, 'backup', to, '--replace']), { code: 0, stderr: '' })
}

/** Resolves to where the database is that was replaced. */
async function restore(t: Test, file: string, from: string, isByCommand: boolean): Promise<string | undefined> {
  if (isByCommand) {
    const { code, stdout, stderr } = await run(t, { DATABASE_URL: `file:${file}` }, [...command, 'restore', from, '--json'])
    t.equal(code, 0, stderr)
    return JSON.parse(stdout).replaced ?? undefined
  }
  const config = loadConfig({ DATABASE_URL: `file:${file}` })
  const clocks = systemClock()
  const done = await copiesOf(`file:${file}`)?.restore(from, {
    at: Date.now(),
    prepare: (db, lastIds) => settleRestored({ db, config, ...clocks }, lastIds),
    ...quiet,
  })
  return done?.replaced
}

/** Reads a database that is whole. */
function look<T>(t: Test, file: string, read: (sqlite: SQLite.Database) => T): T {
  const sqlite = new SQLite(file)
  try {
    if (sqlite.pragma('integrity_check', { simple: true }) !== 'ok') t.fail(`${file} is damaged`)
    return read(sqlite)
  } finally {
    sqlite.close()
  }
}

/** The `jti` of the refresh tokens that one session was given, in their order, while it is refreshed all the time. */
async function refreshAlways(ask: Ask, jtis: string[], over: { isDone: boolean }): Promise<void> {
  let pair = await pairOf(ask(logIn('refresher', PASSWORD)))
  for (;;) {
    jtis.push(claimsOf(pair.refresh).jti as string)
    if (over.isDone) return
    await sleep(PAUSE_MS)
    pair = await pairOf(ask(refresh(pair.refresh)))
  }
}

t.test(`${BACKUPS} backups beside a service that writes have all that was answered, and each is restored`, async (t) => {
  // On a RAM disk, where there is one: each backup and restore waits for a disk ten times.
  const [file, place, to] = [fileOf(await databaseUrl(t)), fileOf(await databaseUrl(t)), fileOf(await databaseUrl(t))]
  const service = await start(t, { DATABASE_URL: `file:${file}`, LOG_LEVEL: 'info', LIMITS: 'off' })
  const ask = asker(t, service)
  await ask(register('refresher', PASSWORD))
  const jtis: string[] = []
  const over = { isDone: false }
  const refreshing = refreshAlways(ask, jtis, over)
  await until(() => jtis.length > 0)
  const began = performance.now()
  for (let round = 1; round <= BACKUPS; round++) {
    const isByCommand = round % BY_COMMAND === 0
    if ((await ask(register(`user-${round}`, PASSWORD))).status !== 201) t.fail('not registered')
    const answered = jtis.length
    await backUp(t, file, to, isByCommand)
    const replaced = await restore(t, place, to, isByCommand)
    const found = look(t, place, (sqlite) => ({
      users: sqlite.prepare("select count(*) from users where username like 'user-%'").pluck().get(),
      sessions: sqlite.prepare('select refresh_jti as jti, end_reason as reason from sessions').all() as { jti: string; reason: string }[],
      keys: sqlite.prepare('select count(*) from signing_keys where retired_at is null').pluck().get(),
    }))
    const [{ jti, reason } = { jti: '', reason: '' }, ...others] = found.sessions
    if (found.users !== round || others.length > 0 || reason !== 'restored' || found.keys !== 0) t.fail(JSON.stringify({ round, found }))
    for (let tries = 0; !jtis.includes(jti) && tries < 1000; tries++) await sleep(1)
    if (jtis.indexOf(jti) < answered - 1) t.fail(`round ${round}: an answered refresh is missing`)
    if (replaced !== undefined) rmSync(replaced)
    const left = [...readdirSync(dirname(place)), ...readdirSync(dirname(to))]
    if (left.length !== 2) t.fail(`round ${round} leaves ${left}`)
  }
  over.isDone = true
  await refreshing
  t.comment(`${BACKUPS} backups and restores beside ${jtis.length} refreshes in ${Math.round((performance.now() - began) / 1000)} s`)
})

/** A database with one user of this name, which is large. */
async function makeLarge(t: Test, name: string): Promise<string> {
  const file = join(folder(t), 'latchkey.db')
  await (await openDatabase(`file:${file}`)).close()
  const sqlite = new SQLite(file)
  sqlite.prepare("insert into users (username, username_key, password, created_at) values (?, ?, '-', 1)").run(name, name)
  const fill =
    'insert into auth_events (at, last_at, kind, client) with recursive n(i) as (select 1 union all select i + 1 from n where i < ?)'
  sqlite.prepare(`${fill} select 1, 1, 'login', hex(randomblob(500)) from n`).run(FILLING_BYTES / 1000)
  sqlite.close()
  return file
}

const namesIn = (t: Test, file: string) => look(t, file, (sqlite) => sqlite.prepare('select username from users').pluck().all())
const beside = (file: string, part: string) => readdirSync(dirname(file)).filter((name) => name.startsWith(`${basename(file)}${part}`))

/** Starts a restore; resolves when it has begun to copy. */
async function begin(file: string, backup: string): Promise<{ child: ChildProcess; ended: Promise<unknown> }> {
  const env = environment({ DATABASE_URL: `file:${file}` })
  const child = spawn(command[0] as string, [...command.slice(1), 'restore', backup], { cwd: ROOT, env, stdio: 'ignore' })
  const ended = once(child, 'exit')
  while (beside(file, '.restoring-').length === 0 && child.exitCode === null) await sleep(1)
  return { child, ended }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await setImmediate()
}

t.test(`a restore that is killed at ${KILLS} moments leaves the old database or the new one, and goes through again`, async (t) => {
  const [before, backup] = [await makeLarge(t, 'before'), await makeLarge(t, 'backup')]
  const file = join(folder(t), 'latchkey.db')
  const reset = () => {
    for (const name of readdirSync(dirname(file))) rmSync(join(dirname(file), name))
    copyFileSync(before, file)
  }
  reset()
  const whole = await begin(file, backup)
  const copying = performance.now()
  await whole.ended
  const lasts = performance.now() - copying
  t.strictSame(namesIn(t, file), ['backup'])

  const outcomes = { old: 0, new: 0 }
  for (let kill = 0; kill < KILLS; kill++) {
    reset()
    const { child, ended } = await begin(file, backup)
    // Every other one as soon as the database has its second name, which is the last but one step.
    if (kill % 2 === 1) await until(() => beside(file, '.replaced-').length > 0 || child.exitCode !== null)
    else await sleep((lasts * kill) / KILLS)
    child.kill('SIGKILL')
    await ended
    const [name] = namesIn(t, file)
    outcomes[name === 'before' ? 'old' : 'new']++
    if (name === 'backup')
      t.strictSame(
        beside(file, '.replaced-').map((each) => namesIn(t, join(dirname(file), each))),
        [['before']],
      )
    const replaced = await restore(t, file, backup, kill % 10 === 0)
    t.strictSame(namesIn(t, file), ['backup'])
    t.strictSame(namesIn(t, replaced as string), [name])
    t.strictSame([beside(file, '.restoring-'), beside(file, '-')], [[], []], 'nothing is left')
    t.equal(beside(file, '.replaced-').length, name === 'before' ? 1 : 2)
  }
  t.comment(`copying and checking takes ${Math.round(lasts)} ms; after a kill the database was ${JSON.stringify(outcomes)}`)
  t.ok(outcomes.old > 0 && outcomes.new > 0)
})
