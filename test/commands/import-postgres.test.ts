// Not on PostgreSQL: it is about what is read, and so runs once.
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import t, { type Test } from 'tap'
import { databaseUrl } from '../databases.ts'
import { server, skipped } from '../db/moving/places.ts'
import { folder } from '../server/process.ts'
import { runShared } from '../server/shared-process.ts'
import { HASH } from './django-file.ts'
import { DJANGO_TABLES } from './django-server.ts'
import { namesOf, type Report, said, usersOf, withDatabase } from './import.ts'

const USER =
  'insert into auth_user (id, username, password, is_superuser, is_staff, is_active, email, first_name, last_name, last_login, date_joined)'

/** A database of Django's on the server of the tests, until the end of the test. */
async function djangoServer(t: Test, tables = DJANGO_TABLES): Promise<{ django: pg.Client; url: string }> {
  const name = `latchkey_test_django_${randomBytes(6).toString('hex')}`
  const admin = new pg.Client(server)
  await admin.connect()
  await admin.query(`create database ${name}`)
  const url = Object.assign(new URL(server as string), { pathname: `/${name}` }).href
  const django = new pg.Client(url)
  await django.connect()
  t.teardown(async () => {
    await django.end()
    await admin.query(`drop database ${name} with (force)`)
    await admin.end()
  })
  await django.query(tables)
  return { django, url }
}

async function importFrom(t: Test, source: string, url: string, ...args: string[]): Promise<Report> {
  const ran = await runShared({ DATABASE_URL: url, DJANGO_DATABASE_URL: source }, 'cli.ts', 'import', 'django', '--json', ...args)
  t.equal(ran.stderr.replace('latchkey: nothing was written; --commit does it\n', ''), '')
  return JSON.parse(ran.stdout) as Report
}

t.test('users and revoked tokens come from PostgreSQL, with times in UTC whatever the server shows, and all ids', skipped, async (t) => {
  const url = await databaseUrl(t)
  const { django, url: source } = await djangoServer(t)
  await django.query(`
    do $$ begin execute format('alter database %I set timezone = ''Asia/Tokyo''', current_database());
      execute format('alter database %I set datestyle = ''German''', current_database()); end $$;
    ${USER} values
      (2, 'alice', '${HASH}', true, false, true, 'alice@example.com', '', '', '2026-02-03 04:05:06.789012+02', '2025-01-02 03:04:05.678901+00'),
      (3, ' bob', '!', false, true, false, '', '', '', null, '1969-12-31 23:59:59.5+00');
    insert into token_blacklist_outstandingtoken (token, expires_at, user_id, jti) values ('…', '2999-01-01 00:00:00+00', 2, 'dead');
    insert into token_blacklist_blacklistedtoken (blacklisted_at, token_id) values (now(), 1);
    select setval(pg_get_serial_sequence('auth_user', 'id'), 41)`)
  const tried = await importFrom(t, source, url)
  t.match(tried, {
    users: { read: 2, new: 2 },
    revoked_tokens: 1,
    next_id: 42,
    source: { table: 'auth_user', username_column: 'username' },
  })
  t.strictSame(said(tried), { 3: 'new name_trimmed hash_unusable' })
  t.strictSame(await importFrom(t, source, url, '--commit'), { ...tried, is_committed: true })
  const [alice, bob] = await usersOf(url)
  t.match(alice, { id: 2, username: 'alice', password: HASH, is_superuser: 1, is_staff: 0, is_active: 1, email: 'alice@example.com' })
  t.match(alice, { last_login_at: Date.parse('2026-02-03T02:05:06.789Z'), created_at: Date.parse('2025-01-02T03:04:05.678Z') })
  t.match(bob, { id: 3, username: 'bob', is_superuser: 0, is_staff: 1, is_active: 0, last_login_at: null, created_at: -500 })
  const tokens = await withDatabase(url, (handle) => handle.selectFrom('legacy_tokens').select(['jti', 'user_id']).execute())
  t.strictSame(tokens, [{ jti: 'dead', user_id: 2 }])
})

t.test('times without a zone are local ones there, too, and the URL may come from a file', skipped, async (t) => {
  const url = await databaseUrl(t)
  const { django, url: source } = await djangoServer(t, DJANGO_TABLES.replaceAll('with time zone', 'without time zone'))
  await django.query(`${USER} values (1, 'a', '', false, false, true, '', '', '', '2025-07-01 12:00:00', '2025-12-01 12:00:00.5')`)
  const file = join(folder(t), 'url')
  writeFileSync(file, `${source}\n`)
  const env = { DATABASE_URL: url, DJANGO_DATABASE_URL_FILE: file }
  t.match(await runShared(env, 'cli.ts', 'import', 'django', '--commit', '--time-zone', 'Europe/Berlin'), { code: 0, stderr: '' })
  const [a] = await usersOf(url)
  t.strictSame([a?.last_login_at, a?.created_at], [Date.parse('2025-07-01T10:00:00Z'), Date.parse('2025-12-01T11:00:00.5Z')])
})

t.test('nothing is locked while it is read, and what is not committed is not there', skipped, async (t) => {
  const url = await databaseUrl(t)
  const { django, url: source } = await djangoServer(t)
  const value = (id: number) => `(${id}, 'user-${id}', '', false, false, true, '', '', '', null, now())`
  await django.query(`${USER} values ${value(1)}`)
  await django.query(`begin; ${USER} values ${value(2)}; update auth_user set username = 'other' where id = 1`)
  await importFrom(t, source, url, '--commit')
  t.strictSame(await namesOf(url), { 1: 'user-1' })
  await django.query('commit')
  await importFrom(t, source, url, '--commit')
  t.strictSame(await namesOf(url), { 1: 'other', 2: 'user-2' })
})

t.test('tables are found in any schema, and ids that are UUIDs are refused with a line that says so', skipped, async (t) => {
  const url = await databaseUrl(t)
  const { django, url: source } = await djangoServer(t)
  await django.query(`create schema "Old Site"; create table "Old Site"."the ""users""" (like auth_user including all);
    create table people (id uuid primary key, username text unique, password text, last_login timestamptz, is_superuser bool);
    insert into "Old Site"."the ""users""" (id, username, password, is_superuser, is_staff, is_active, email, first_name, last_name, date_joined)
    values (7, 'seven', '', false, false, true, '', '', '', now())`)
  t.equal((await importFrom(t, source, url, '--table', 'Old Site.the "users"', '--commit')).users.new, 1)
  t.strictSame(await namesOf(url), { 7: 'seven' })
  const ran = await runShared({ DATABASE_URL: url, DJANGO_DATABASE_URL: source }, 'cli.ts', 'import', 'django', '--table', 'people')
  t.match(ran, {
    code: 1,
    stdout: '',
    stderr: 'latchkey: the ids of people are no whole numbers: its id is uuid. UUIDs and texts cannot be ids here, nor in the tokens\n',
  })
})
