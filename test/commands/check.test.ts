import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import type { Kysely } from 'kysely'
import t, { type Test } from 'tap'
import type { Handle } from '../../db/database.ts'
import { openDatabase } from '../../db/open.ts'
import { checkRoom } from '../../domain/checkup/checks.ts'
import { noOrigin, recordEvent } from '../../domain/events/record.ts'
import { bytesOf, databaseUrl, fileOf, notOnPostgres } from '../databases.ts'
import { serve } from '../server/in-process.ts'
import { folder } from '../server/process.ts'
import { runShared } from '../server/shared-process.ts'

const DAY_MS = 86_400_000
const ofFiles = { skip: notOnPostgres('it is about a file') }

interface Found {
  readonly check: string
  readonly is_good: boolean | null
  readonly detail: string
}

/** What `check --json` says, less the checks that are good. Asserts that the exit code and `is_good` say the same. */
async function wrongWith(t: Test, env: Record<string, string>): Promise<Found[]> {
  const { code, stdout, stderr } = await runShared(env, 'cli.ts', 'check', '--json')
  t.equal(stderr, '')
  const { is_good, checks } = JSON.parse(stdout) as { is_good: boolean; checks: Found[] }
  const wrong = checks.filter((each) => !each.is_good)
  t.strictSame({ code, is_good }, wrong.length > 0 ? { code: 1, is_good: false } : { code: 0, is_good: true })
  return wrong
}

/** A database in which a service has made its keys and has ended. */
async function usedDatabase(t: Test): Promise<string> {
  const url = await databaseUrl(t)
  await (await serve(t, { DATABASE_URL: url })).close()
  return url
}

async function change(url: string, job: (handle: Handle) => Promise<unknown>): Promise<void> {
  const db = await openDatabase(url)
  await db.write(job)
  await db.close()
}

t.test('check finds nothing wrong with a service that runs, and a line for each check says so', async (t) => {
  const url = await databaseUrl(t)
  await serve(t, { DATABASE_URL: url })
  const { code, stdout, stderr } = await runShared({ DATABASE_URL: url, DATABASE_POLL: '3' }, 'cli.ts', 'check')
  t.strictSame({ code, stderr }, { code: 0, stderr: 'latchkey: DATABASE_POLL is no setting: is DATABASE_POOL meant?\n' })
  const [first, ...lines] = stdout.trimEnd().split('\n')
  t.match(first, /^check +result +detail$/)
  t.strictSame(
    lines.map((line) => line.split(/ {2,}/, 2)),
    ['settings', 'database', 'migrations', 'keys', 'clock', 'disk'].map((check) => [check, 'good']),
  )
})

t.test('wrong settings are a line each, and what needs them is not looked at', async (t) => {
  t.strictSame(await wrongWith(t, { DATABASE_URL: await databaseUrl(t), PORT: 'x', JWT_SECRET: 'hunter2' }), [
    { check: 'settings', is_good: false, detail: 'PORT must be a whole number from 0 to 65535, got "x"' },
    { check: 'settings', is_good: false, detail: 'JWT_SECRET must be at least 32 bytes, got a value of 7 bytes' },
    ...unlooked('settings', ['database', 'migrations', 'keys', 'clock', 'disk']),
  ])
})

function unlooked(after: string, checks: readonly string[]): Found[] {
  return checks.map((check) => ({ check, is_good: null, detail: `not looked at, because something is wrong with the ${after}` }))
}

t.test('a database that is not there is wrong, and is not made', ofFiles, async (t) => {
  const file = join(folder(t), 'latchkey.db')
  t.strictSame(await wrongWith(t, { DATABASE_URL: `file:${file}` }), [
    { check: 'database', is_good: false, detail: `there is no database at ${file}; the server makes it at its first start` },
    ...unlooked('database', ['migrations', 'keys', 'clock', 'disk']),
  ])
  t.throws(() => readFileSync(file), { code: 'ENOENT' })
})

t.test('keys that SECRETS_KEY does not open are wrong, in one line for all of them', async (t) => {
  const url = await databaseUrl(t)
  const [key, other] = ['a', 'b'].map((letter) => Buffer.alloc(32, letter).toString('base64'))
  await (await serve(t, { DATABASE_URL: url, SECRETS_KEY: key as string })).close()
  t.strictSame(await wrongWith(t, { DATABASE_URL: url, SECRETS_KEY: key as string }), [])
  t.strictSame(await wrongWith(t, { DATABASE_URL: url, SECRETS_KEY: other as string }), [
    {
      check: 'keys',
      is_good: false,
      detail:
        'SECRETS_KEY is not the key that the secrets of the database are encrypted with; the old one can be given as SECRETS_KEY_PREVIOUS',
    },
  ])
})

t.test('a signing key that is due and was not made, or has not taken over, is wrong, and the check does not do it', async (t) => {
  const url = await usedDatabase(t)
  const before = Date.now() - 100 * DAY_MS
  await change(url, async (handle) => {
    await handle.updateTable('signing_keys').set({ created_at: before }).execute()
    await handle.updateTable('signing_keys').set({ signs_from: before }).where('signs_from', '<', Date.now()).execute()
  })
  const kid = await waitingKid(url)
  const due = 'is due, and no running service has done it: start one, or see its log'
  const wrong = [
    { check: 'keys', is_good: false, detail: `a new key of refresh tokens ${due}` },
    { check: 'keys', is_good: false, detail: `key ${kid} ${due.replace('due', 'due to take over')}` },
  ]
  t.strictSame(await wrongWith(t, { DATABASE_URL: url }), wrong)
  t.strictSame(await wrongWith(t, { DATABASE_URL: url }), wrong)
})

async function waitingKid(url: string): Promise<string | undefined> {
  const db = await openDatabase(url)
  const waiting = await db.read.selectFrom('signing_keys').select('kid').where('signs_from', '>', Date.now()).executeTakeFirst()
  await db.close()
  return waiting?.kid
}

t.test('an event ahead of the clock is wrong: one of the two was not right', async (t) => {
  const url = await usedDatabase(t)
  await change(url, (handle) => recordEvent(handle, Date.now() + 3 * DAY_MS, noOrigin, { kind: 'client_created', subject: 'x' }))
  t.match(await wrongWith(t, { DATABASE_URL: url }), [
    { check: 'clock', detail: /^it is 2\S+Z, and the newest event of 2\S+Z, 3 days ahead: see what sets the time$/ },
  ])
})

t.test('tables of an older version are wrong, and stay as they are', ofFiles, async (t) => {
  const url = await usedDatabase(t)
  await change(url, (handle) =>
    (handle as unknown as Kysely<{ kysely_migration: { name: string } }>)
      .deleteFrom('kysely_migration')
      .where('name', '=', '015-locks')
      .execute(),
  )
  const before = bytesOf(url)
  const [migrations, ...rest] = await wrongWith(t, { DATABASE_URL: url })
  t.match(migrations, {
    check: 'migrations',
    detail: 'the tables are of an older version, and a start or latchkey migrate adds 015-locks',
  })
  t.strictSame(rest, unlooked('migrations', ['keys', 'clock']))
  t.ok(bytesOf(url) === before)
})

t.test('a table that is not there, a row whose user is not there, and a damaged page are wrong', ofFiles, async (t) => {
  const url = await usedDatabase(t)
  unguarded(url, "insert into known_addresses (user_id, network, last_at) values (7, '192.0.2.1', 0); drop table clients")
  t.match(await wrongWith(t, { DATABASE_URL: url }), [
    { check: 'database', detail: 'rows of known_addresses whose row in users is not there: 1' },
    { check: 'migrations', detail: 'the table clients is not there: restore a backup' },
    ...unlooked('migrations', ['keys', 'clock']),
  ])
  const bytes = readFileSync(fileOf(url))
  bytes.fill(0xff, bytes.length - 4096)
  writeFileSync(fileOf(url), bytes)
  t.match((await wrongWith(t, { DATABASE_URL: url }))[0], { check: 'database', is_good: false, detail: /^it is damaged: / })
})

/** Runs statements on the file as a program would that does not ask for foreign keys. */
function unguarded(url: string, statements: string): void {
  const sqlite = new SQLite(fileOf(url))
  sqlite.pragma('foreign_keys = off')
  sqlite.exec(statements)
  sqlite.close()
}

t.test('less than 128 MiB of free space are wrong, and a server is left to look after its own', async (t) => {
  const MIB = 1024 * 1024
  t.strictSame(checkRoom({ free: 128 * MIB, taken: 3 * MIB }), {
    check: 'disk',
    isGood: true,
    detail: '128 MiB are free, and the database takes 3 MiB',
  })
  t.strictSame(checkRoom({ free: 128 * MIB - 1, taken: 0 }), {
    check: 'disk',
    isGood: false,
    detail: '127 MiB are free, and the database takes 0 MiB: it needs at least 128 MiB',
  })
  t.strictSame(checkRoom(undefined), { check: 'disk', isGood: true, detail: "the database's server does not tell; look there" })
})
