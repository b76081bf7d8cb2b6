// Not on PostgreSQL: it is about the command; the queries run there in domain/events.
import t from 'tap'
import { openDatabase } from '../../db/open.ts'
import type { NewAuthEvent } from '../../db/schema.ts'
import { insertUser } from '../../db/users.ts'
import { databaseUrl } from '../databases.ts'
import { PASSWORD, START } from '../helper.ts'
import { serve } from '../server/in-process.ts'
import { bare, postTo, run } from '../server/process.ts'
import { alice, happened, nothing } from './happened.ts'
import { asJson, latchkey } from './latchkey.ts'

t.test('--json prints every column of every event, newest first, with times in ISO 8601', async (t) => {
  const database = await happened(t, alice, { ...alice, kind: 'session_ended', reason: 'logout' }, { kind: 'key_retired', subject: 'k1' })
  const at = (second: number) => ({ at: `2026-01-01T00:00:0${second}.000Z`, last_at: `2026-01-01T00:00:0${second}.000Z`, count: 1 })
  t.strictSame(await asJson(t, latchkey(database, 'events', '--json')), [
    { id: 3, ...at(2), kind: 'key_retired', ...nothing, subject: 'k1' },
    { id: 2, ...at(1), kind: 'session_ended', ...nothing, ...alice, reason: 'logout' },
    { id: 1, ...at(0), kind: 'login', ...nothing, ...alice },
  ])
})

t.test('--user selects the events of exactly one name, and --limit the newest events', async (t) => {
  const database = await happened(t, alice, { ...alice, username: 'Alice' }, alice, { username: 'bob' })
  const ids = async (...args: string[]) =>
    ((await asJson(t, latchkey(database, 'events', '--json', ...args))) as { id: number }[]).map(({ id }) => id)
  t.strictSame(await ids('--user', 'alice'), [3, 1])
  t.strictSame(await ids('--user', 'alice', '--limit', '1'), [3])
  t.strictSame(await ids('--limit', '2'), [4, 3])
  t.strictSame(await ids('--user', 'nobody'), [])
  t.strictSame(await ids('--user', "' or 1=1 --"), [])
})

t.test("--user also finds the events in which the name was typed and was no user's, which have its hash alone", async (t) => {
  const database = await databaseUrl(t)
  const { url } = await serve(t, { DATABASE_URL: database })
  const fail = (username: string) => postTo(`${url}/api/token/`, { username, password: PASSWORD })
  await fail(' carol ')
  await fail('dave')
  await postTo(`${url}/api/users/`, { username: 'carol', password: PASSWORD })
  const seen = async () => (await asJson(t, latchkey(database, 'events', '--json', '--user', 'carol'))) as NewAuthEvent[]
  // A refusal is written within half a second.
  for (let asked = 0; (await seen()).length < 2 && asked < 100; asked++);
  const [registered, failed] = await seen()
  t.match(registered, { kind: 'user_registered', username: 'carol', name_hash: null })
  t.match(failed, { kind: 'login_failed', reason: 'user_unknown', username: null, name_hash: /^[\w-]{22}$/ })
  t.equal((await seen()).length, 2)
  const { stdout } = await latchkey(database, 'events', '--user', 'carol')
  t.match(stdout, `user_unknown  (unknown name ${failed?.name_hash?.slice(0, 8)}…)  `)
})

t.test('a session that has expired is among the events of its time, once, also one that a version of before has marked', async (t) => {
  const expiry = { ...nothing, kind: 'session_ended' as const, reason: 'expired', user_id: 1, username: 'alice' }
  const marked = { ...expiry, session_id: '1-marked', at: START }
  const database = await happened(t, marked, { ...alice, at: START + 5000 })
  const db = await openDatabase(database)
  await db.write(async (handle) => {
    for (const username of ['alice', 'bob']) await insertUser(handle, { username, username_key: username, password: '-', created_at: 1 })
    const session = { created_at: 1, refreshed_at: 1, refresh_jti: 'j', refresh_iat: 1, replaced: '', address: '', client: '' }
    for (const [user_id, sid_secret, expires_at, end = {}] of [
      [1, 'marked', START, { ended_at: START, end_reason: 'expired' }],
      [1, 'old', START + 3000],
      [2, 'later', START + 7000],
      [1, 'ended', START + 8000, { ended_at: START + 6000, end_reason: 'logout' }],
      [1, 'live', Date.now() + 1_000_000],
    ] as const)
      await handle
        .insertInto('sessions')
        .values({ ...session, user_id, sid_secret, expires_at, refresh_exp: Math.floor(expires_at / 1000), ...end })
        .execute()
  })
  await db.close()

  const seen = async (...args: string[]) =>
    ((await asJson(t, latchkey(database, 'events', '--json', ...args))) as NewAuthEvent[]).map(({ kind, session_id }) => [kind, session_id])
  const all = [
    ['session_ended', '3-later'],
    ['login', alice.session_id],
    ['session_ended', '2-old'],
    ['session_ended', '1-marked'],
  ]
  t.strictSame(await seen(), all)
  t.strictSame(await seen('--limit', '3'), all.slice(0, 3))
  t.strictSame(await seen('--user', 'alice'), all.slice(1))
  const [last] = (await asJson(t, latchkey(database, 'events', '--json', '--user', 'bob'))) as unknown[]
  const at = new Date(START + 7000).toISOString()
  t.strictSame(last, { id: null, ...expiry, user_id: 2, username: 'bob', session_id: '3-later', at, last_at: at, count: 1 })
})

t.test('--kind, --since, --until and --address select, and all of them must hold', async (t) => {
  const database = await happened(
    t,
    { ...alice, at: Date.now() - 3_600_000 },
    { ...alice, kind: 'session_ended', at: Date.now() - 60_000 },
    { ...alice, kind: 'login_failed', at: Date.now() - 60_000, address: '198.51.100.1' },
  )
  const ids = async (...args: string[]) =>
    ((await asJson(t, latchkey(database, 'events', '--json', '--user', 'alice', ...args))) as { id: number }[])
      .map(({ id }) => id)
      .toSorted()
  t.strictSame(await ids('--kind', 'login'), [1])
  t.strictSame(await ids('--kind', 'login', 'session_ended', '--kind', 'login_failed'), [1, 2, 3])
  t.strictSame(await ids('--since', '30m'), [2, 3])
  t.strictSame(await ids('--since', '2h', '--until', '30m'), [1])
  t.strictSame(await ids('--since', '2026-01-01'), [1, 2, 3])
  t.strictSame(await ids('--until', '2026-01-01T01:00:00+01:00'), [])
  t.strictSame(await ids('--address', '192.0.2.1'), [1, 2])
  t.strictSame(await ids('--address', '192.0.0.0/16', '--kind', 'login'), [1])
  t.strictSame(await ids('--address', '0.0.0.0/0'), [1, 2, 3])
  t.strictSame(await ids('--address', '::/0'), [])
})

t.test('without --user and --since a kind or an address is looked for in the last 7 days, and the command says so', async (t) => {
  const database = await happened(t, { ...alice, at: Date.now() - 8 * 86_400_000 }, { ...alice, at: Date.now() })
  for (const args of [
    ['--kind', 'login'],
    ['--address', '192.0.2.1'],
    ['--address', '192.0.2.0/24'],
  ]) {
    const { code, stdout, stderr } = await latchkey(database, 'events', '--json', ...args)
    t.equal(stderr, 'latchkey: it looked 7 days back; --since looks further\n')
    t.match([code, JSON.parse(stdout)], [0, [{ id: 2 }]])
    t.equal(((await asJson(t, latchkey(database, 'events', '--json', '--since', '30d', ...args))) as unknown[]).length, 2)
    t.equal(((await asJson(t, latchkey(database, 'events', '--json', '--limit', '1', ...args))) as unknown[]).length, 1)
  }
})

t.test('without --limit at most a hundred events are printed', async (t) => {
  const database = await happened(t, ...Array.from({ length: 101 }, () => alice))
  t.equal(((await asJson(t, latchkey(database, 'events', '--json'))) as unknown[]).length, 100)
})

t.test('without --json the output is a table: time, what, why, who, session, times, from, request and client', async (t) => {
  const database = await happened(
    t,
    { ...alice, kind: 'session_ended', reason: 'logout' },
    { kind: 'login_failed', username: 'bob', address: '2001:db8::1', client: 'x'.repeat(200) },
    { kind: 'client_created', subject: 'c1' },
  )
  const { code, stdout, stderr } = await latchkey(database, 'events')
  t.strictSame({ code, stderr }, { code: 0, stderr: '' })
  t.strictSame(stdout.split('\n'), [
    'time                      what            why     who    session                   times  from         request  client',
    '2026-01-01T00:00:02.000Z  client_created  -       c1     -                         1      -            -        -',
    `2026-01-01T00:00:01.000Z  login_failed    -       bob    -                         3      2001:db8::1  -        ${'x'.repeat(59)}…`,
    '2026-01-01T00:00:00.000Z  session_ended   logout  alice  7-LLCSN2ZIQ2yDXTGhALmkYg  1      192.0.2.1    r-1      Browser/1.0',
    '',
  ])
  t.match(await latchkey(database, 'events', '--user', 'nobody'), { code: 0, stdout: 'none\n', stderr: '' })
})

t.test('control characters in a name that an attacker chose are escaped, and cannot control the terminal', async (t) => {
  const username = 'a\u001b[2J\u009b1m\u202eb\r\n\u2028"\\c'
  const database = await happened(t, { kind: 'login_failed', username, client: '\u001b]0;x\u0007' })
  const table = await latchkey(database, 'events')
  const json = await latchkey(database, 'events', '--json')
  for (const { stdout } of [table, json]) t.notMatch(stdout.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{Zl}]/u)
  t.match(table.stdout, 'a\\u001b[2J\\u009b1m\\u202eb\\u000d\\u000a\\u2028"\\c')
  t.equal(table.stdout.split('\n').length, 3, 'one line a row')
  t.equal(JSON.parse(json.stdout)[0].username, username, 'the JSON has the name unchanged')
})

t.test('a reader that closes the pipe early causes no error', async (t) => {
  const database = await happened(t, ...Array.from({ length: 3000 }, () => alice))
  const line = `set -o pipefail; "${process.execPath}" cli.ts events --limit 10000 | head -n 1`
  const { code, stdout, stderr } = await run(t, { DATABASE_URL: database }, bare('bash', '-c', line))
  t.match({ code, stderr }, { code: 0, stderr: '' })
  t.match(stdout, /^time .*\n$/)
})

const onLinux = process.platform === 'linux' ? {} : { skip: 'there is no /dev/full elsewhere than on Linux' }
t.test('a result that cannot be printed is one line on standard error and exit code 1', onLinux, async (t) => {
  const database = await happened(t, alice)
  const line = `"${process.execPath}" cli.ts events >/dev/full`
  const { code, stderr } = await run(t, { DATABASE_URL: database }, bare('sh', '-c', line))
  t.strictSame({ code, stderr }, { code: 1, stderr: 'latchkey: cannot print the result: ENOSPC: no space left on device, write\n' })
})

t.test('each way in which a session can end is recorded with its reason', async (t) => {
  const database = await databaseUrl(t)
  const { url } = await serve(t, { DATABASE_URL: database, REFRESH_REUSE_GRACE: '0', SESSIONS_PER_USER: '2' })
  const credentials = { username: 'alice', password: PASSWORD }
  const ask = (path: string, body: object, access = '') => postTo(`${url}${path}`, body, { authorization: `Bearer ${access}` })
  const logIn = async () => (await ask('/api/token/', credentials)).body as { access: string; refresh: string }
  await ask('/api/users/', credentials)

  await ask('/api/token/blacklist/', { refresh: (await logIn()).refresh })
  const first = await logIn()
  await logIn()
  await fetch(`${url}/api/users/me/sessions/`, { method: 'DELETE', headers: { authorization: `Bearer ${first.access}` } })
  const { refresh } = await logIn()
  await ask('/api/token/refresh/', { refresh })
  await ask('/api/token/refresh/', { refresh })
  await logIn()
  const fifth = await logIn()
  const passwords = { current_password: PASSWORD, new_password: PASSWORD }
  await ask('/api/users/me/password/', passwords, fifth.access)
  const db = await openDatabase(database)
  await db.write((handle) => handle.updateTable('sessions').set({ refresh_exp: 1 }).where('ended_at', 'is', null).execute())
  await db.close()
  await logIn()
  await latchkey(database, 'users', 'disable', 'alice')
  await latchkey(database, 'users', 'enable', 'alice')
  await logIn()
  await latchkey(database, 'users', 'logout', 'alice')
  const reasonsOf = async () => {
    const events = (await asJson(t, latchkey(database, 'events', '--user', 'alice', '--json'))) as { kind: string; reason: string }[]
    return events.filter(({ kind }) => kind === 'session_ended').map(({ reason }) => reason)
  }
  const expired = (await reasonsOf()).filter((reason) => reason === 'expired')
  await ask('/api/users/me/delete/', { password: PASSWORD }, (await logIn()).access)

  t.strictSame(expired, ['expired'], 'which goes with the row of its session')
  t.strictSame((await reasonsOf()).toSorted(), [
    'admin',
    'logout',
    'logout_all',
    'password_changed',
    'password_changed',
    'reuse_detected',
    'superseded',
    'user_deleted',
    'user_disabled',
  ])
})
