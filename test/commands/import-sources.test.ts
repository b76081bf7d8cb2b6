// Not on PostgreSQL: it is about what is read, and so runs once.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { databaseUrl } from '../databases.ts'
import { bare, environment, folder, ROOT } from '../server/process.ts'
import { runShared } from '../server/shared-process.ts'
import { addUsers, djangoFile, HASH, OWN_TABLE } from './django-file.ts'
import { importDjango, namesOf, usersOf } from './import.ts'
import { latchkey } from './latchkey.ts'

/** Asserts that the command is refused in one line, and that nobody was taken over. */
async function refuses(t: Test, args: readonly string[], line: string | RegExp, code = 1): Promise<void> {
  const url = await databaseUrl(t)
  const ran = await latchkey(url, 'import', 'django', ...args, '--commit')
  t.strictSame({ code: ran.code, stdout: ran.stdout }, { code, stdout: '' })
  t.match(ran.stderr, line)
  t.strictSame(await usersOf(url), [])
}

const withTables = (t: Test, ...tables: string[]) => djangoFile(t, [], tables)
const user = (id: string, table = 'auth_user') =>
  `insert into ${table} (id, username, password, last_login, is_superuser) values (${id}, 'name-' || ${id}, '${HASH}', null, 0)`
const tableNamed = (name: string, id = 'integer primary key') =>
  `create table ${name} (id ${id}, username varchar(9) unique, password varchar(9), last_login datetime, is_superuser bool)`

t.test('the table is the one that the foreign key of the admin log leads to, or that of the blacklist', async (t) => {
  const log = 'create table django_admin_log (id integer primary key, user_id integer references "people" ("id"))'
  const token = 'create table token_blacklist_outstandingtoken (id integer primary key, user_id integer references people (id))'
  for (const referring of [log, token]) {
    const url = await databaseUrl(t)
    const { django, source } = withTables(t, tableNamed('other'), tableNamed('people'), referring)
    django.exec(user('3', 'people'))
    await importDjango(t, url, source, '--commit')
    t.strictSame(await namesOf(url), { 3: 'name-3' })
  }
})

t.test('without them it is the only table with the columns of users, and of several one has to be named', async (t) => {
  const url = await databaseUrl(t)
  const { django, source } = withTables(t, tableNamed('people'), 'create table cities (id integer primary key, name text)')
  django.exec(user('3', 'people'))
  await importDjango(t, url, source, '--commit')
  t.strictSame(await namesOf(url), { 3: 'name-3' })

  django.exec(tableNamed('staff'))
  django.exec(user('4', 'staff'))
  await refuses(t, [source], 'latchkey: several tables have the columns of users: name one by --table: people, staff\n')
  await refuses(t, [source, '--table', 'towns'], 'latchkey: --table: "towns" is no table there; tables of users there: people, staff\n')
  await refuses(
    t,
    [source, '--table', 'cities'],
    'latchkey: --table: "cities" has no column password; tables of users there: people, staff\n',
  )
  await importDjango(t, url, source, '--table', 'staff', '--commit')
  t.strictSame(await namesOf(url), { 3: 'name-3', 4: 'name-4' })
})

t.test('the name of a table of the project is in the only text that no two rows share, and else has to be named', async (t) => {
  const url = await databaseUrl(t)
  const { django, source } = withTables(t, OWN_TABLE)
  django.exec(`insert into accounts_member values (5, '${HASH}', null, 1, 'nick', 'login')`)
  await importDjango(t, url, source, '--commit')
  t.strictSame(await namesOf(url), { 5: 'login' })
  const [member] = await usersOf(url)
  t.match(member, { is_active: 1, is_staff: 0, is_superuser: 1, email: null, last_login_at: null })

  django.exec('create unique index nick on accounts_member (nickname)')
  const asked =
    /^latchkey: name the column of accounts_member that users log in with \(USERNAME_FIELD\) by --username-column: nickname, login\n$/
  await refuses(t, [source], asked)
  await refuses(
    t,
    [source, '--username-column', 'name'],
    /--username-column: accounts_member has no text column "name"; those it has: nickname, login\n$/,
  )
  t.equal((await importDjango(t, url, source, '--username-column', 'nickname', '--commit')).users.changed, 1)
  t.strictSame(await namesOf(url), { 5: 'nick' })
})

t.test('ids that are no whole numbers are refused with a line that says so', async (t) => {
  for (const type of ['char(32)', 'varchar(20)', 'uuid']) {
    const { source } = withTables(t, tableNamed('people', `${type} primary key`))
    const line = `latchkey: the ids of people are no whole numbers: its id is ${type}. UUIDs and texts cannot be ids here, nor in the tokens\n`
    await refuses(t, [source], line)
  }
  await refuses(t, [withTables(t, tableNamed('people', 'integer')).source], /^latchkey: people has no primary key of one column/)
})

t.test('a file that is no database of Django is refused in one line', async (t) => {
  const place = folder(t)
  const file = join(place, 'text.sqlite3')
  writeFileSync(file, 'no database, but longer than the header of one, which SQLite reads first to see what it is: a hundred bytes or more')
  mkdirSync(join(place, 'folder'))
  await refuses(t, [`file:${file}`], `latchkey: cannot read the users: ${file}: it is no SQLite database (SQLITE_NOTADB)\n`)
  await refuses(t, [`file:${place}/missing`], `latchkey: cannot read the users: ${place}/missing: it is not there (ENOENT)\n`)
  await refuses(t, [`file:${place}/folder`], `latchkey: cannot read the users: ${place}/folder: it is a folder, not a file (EISDIR)\n`)
  const { source } = withTables(t, 'create table cities (id integer primary key, name text)')
  await refuses(t, [source], /no table has the columns of Django's users: password, last_login, is_superuser\n$/)
})

t.test('wrong usage ends with 2, and a URL that may have a password is no argument', async (t) => {
  await refuses(t, [], /^error: say where the users are: file:PATH, a file of lines, - for standard input, or DJANGO_DATABASE_URL\n/, 2)
  await refuses(t, ['file:x', '--time-zone', 'Mars/Base'], /^error: --time-zone: there is no time zone "Mars\/Base"\n/, 2)
  const url = 'postgres://django:hunter2@127.0.0.1:1/django'
  for (const argument of [url, ` ${url}`, url.replace('postgres', 'PostGIS'), url.replace('postgres', 'mysql')]) {
    const { stderr } = await latchkey(await databaseUrl(t), 'import', 'django', argument)
    t.match(
      stderr,
      /^error: a URL with a password is no argument, for others see it: set DJANGO_DATABASE_URL or DJANGO_DATABASE_URL_FILE\n/,
    )
    t.notMatch(stderr, /hunter2/)
  }
  const ran = await runShared({ DATABASE_URL: await databaseUrl(t), DJANGO_DATABASE_URL: url }, 'cli.ts', 'import', 'django')
  t.strictSame(ran, { code: 1, signal: null, stdout: '', stderr: 'latchkey: cannot read the users: connect ECONNREFUSED 127.0.0.1:1\n' })
})

t.test('times without a zone are of the one that is named, or else UTC', async (t) => {
  for (const [zone, joined, loggedIn] of [
    [[], '2025-07-01T12:00:00.000Z', '2025-10-26T02:30:00.250Z'],
    [['--time-zone', 'Europe/Berlin'], '2025-07-01T10:00:00.000Z', '2025-10-26T00:30:00.250Z'],
  ] as const) {
    const url = await databaseUrl(t)
    const { source } = djangoFile(t, [
      { id: 1, username: 'a', date_joined: '2025-07-01 12:00:00', last_login: '2025-10-26 02:30:00.250999' },
    ])
    await importDjango(t, url, source, ...zone, '--commit')
    const [a] = await usersOf(url)
    t.strictSame([a?.created_at, a?.last_login_at], [Date.parse(joined), Date.parse(loggedIn)])
  }
})

t.test('a file that Django writes meanwhile is read in either journal mode, and is not locked', async (t) => {
  for (const mode of ['delete', 'wal']) {
    const url = await databaseUrl(t)
    const { django, source } = djangoFile(t, [{ id: 1, username: 'alice' }])
    django.exec(`pragma journal_mode = ${mode}; begin immediate`)
    addUsers(django, [{ id: 2, username: 'bob' }])
    await importDjango(t, url, source, '--commit')
    t.strictSame(await namesOf(url), { 1: 'alice' }, 'what is not committed is not there')
    django.exec('commit')
    await importDjango(t, url, source, '--commit')
    t.strictSame(await namesOf(url), { 1: 'alice', 2: 'bob' })
  }
})

const line = (pk: unknown, fields: object = {}, model = 'auth.user') =>
  JSON.stringify({
    model,
    pk,
    fields: {
      ...{ password: HASH, last_login: null, is_superuser: false, username: `name-${pk}`, email: '', is_staff: true, is_active: true },
      ...{ date_joined: '2025-01-02T03:04:05.678Z', first_name: '', last_name: '', groups: [1], user_permissions: [], ...fields },
    },
  })

function linesFile(t: Test, content: string | Buffer): string {
  const file = join(folder(t), 'users.jsonl')
  writeFileSync(file, content)
  return file
}

t.test(
  'lines of dumpdata are taken in any order, with a byte order mark and any line ends, and those of other models are passed over',
  async (t) => {
    const url = await databaseUrl(t)
    const lines = [
      '{"model": "token_blacklist.blacklistedtoken", "pk": 1, "fields": {"token": 7, "blacklisted_at": "2026-01-01T00:00:00Z"}}',
      line(9),
      `{"model": "shop.picture", "pk": "a-b", "fields": {"data": "${'A'.repeat(17 * 1024 * 1024)}"}}`,
      '{"model": "token_blacklist.outstandingtoken", "pk": 7, "fields": {"user": 2, "jti": "dead", "token": "…", "expires_at": "2999-01-01T00:00:00Z"}}',
      line(2, { username: 'name-9 ' }),
      '',
      '{"model": "auth.group", "pk": 1, "fields": {"name": "all"}}',
    ]
    const report = await importDjango(t, url, linesFile(t, `\ufeff${lines.join('\r\n')}`), '--commit')
    t.match(report, { users: { read: 2, new: 1, left_out: 1 }, revoked_tokens: 1, other_lines: 2, next_id: 10 })
    t.strictSame(await namesOf(url), { 2: 'name-9' })
    t.match((await usersOf(url))[0], { is_staff: 1, is_active: 1, created_at: Date.parse('2025-01-02T03:04:05.678Z'), password: HASH })
  },
)

t.test('a line that is wrong is named, and nobody is taken over', async (t) => {
  const faults: readonly (readonly [lines: readonly (string | Buffer)[], fault: string])[] = [
    [[line(1), '{"model": "auth.user", '], 'line 2 is no JSON'],
    [[line(1), '[1]'], 'line 2 is none of dumpdata: it needs model, pk and fields'],
    [[line(1), 'null'], 'line 2 is none of dumpdata: it needs model, pk and fields'],
    [[line(1), line(1)], 'line 2 has the pk of line 1'],
    [
      [line('6f1c5d3e-0000-4000-8000-000000000000')],
      'line 1: its id is no whole number, but "6f1c5d3e-0000-4000-8000-00000000…". UUIDs and texts cannot be ids here, nor in the tokens',
    ],
    [[line(null)], 'line 1: its id is no whole number, but "null". UUIDs and texts cannot be ids here, nor in the tokens'],
    [[line(1), line(2, { username: undefined })], 'line 2 has no field "username"'],
    [[line(1), line(2, {}, 'other.user')], 'several models are users: name one by --table: auth.user, other.user'],
    [[line(1, { username: 'a'.repeat(17 * 1024 * 1024) }), line(2)], 'line 1 is too long'],
    [[`{"pk": 1, "fields": "${'a'.repeat(17 * 1024 * 1024)}"}`, line(2)], 'line 1 is too long'],
    [[line(1), Buffer.from([0x22, 0xff, 0x22])], 'line 2 has bytes that are not UTF-8'],
    [['[{"model": "auth.user"}]'], 'it is one JSON document: make it with dumpdata --format jsonl, which writes a line for each row'],
    [['SQLite format 3\0'], 'it is a SQLite database: give it as file:PATH'],
    [[Buffer.from('\ufeff{}', 'utf16le')], 'it is UTF-16: save it as UTF-8'],
    [[''], 'no line is one of a user: of a model with password, last_login, is_superuser'],
  ]
  for (const [lines, fault] of faults) {
    const file = linesFile(t, Buffer.concat(lines.flatMap((each) => [Buffer.from(each), Buffer.from('\n')])))
    await refuses(t, [file], `latchkey: ${file}: ${fault}\n`)
  }
  const groups = linesFile(t, '{"model": "auth.group", "pk": 1, "fields": {"name": "all", "permissions": []}}\n')
  await refuses(t, [groups, '--table', 'auth.group'], `latchkey: ${groups}: line 1 has no field "password"\n`)
  const file = linesFile(t, `${line(1)}\n${line(2, {}, 'other.user')}\n`)
  const url = await databaseUrl(t)
  await importDjango(t, url, file, '--table', 'other.user', '--username-column', 'username', '--commit')
  t.strictSame(await namesOf(url), { 2: 'name-2' })
  await refuses(t, [join(folder(t), 'missing')], /^latchkey: cannot read .*missing: ENOENT: no such file or directory/)
})

t.test('lines come from standard input, too', async (t) => {
  const url = await databaseUrl(t)
  const [program = '', ...args] = [...bare(process.execPath, 'cli.ts'), 'import', 'django', '-', '--commit', '--json']
  const input = `${line(1)}\n${line(2)}`
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: ROOT,
    env: environment({ DATABASE_URL: url }),
    input,
    encoding: 'utf8',
  })
  t.strictSame({ status, stderr }, { status: 0, stderr: '' })
  t.match(JSON.parse(stdout), { source: { place: 'standard input', table: 'auth.user', username_column: 'username' }, users: { new: 2 } })
  t.strictSame(await namesOf(url), { 1: 'name-1', 2: 'name-2' })
})

t.test('of lines of a model of the project the name is in the only text, and else has to be named', async (t) => {
  const member = (fields: object) =>
    JSON.stringify({ model: 'accounts.member', pk: 1, fields: { password: HASH, last_login: null, is_superuser: true, ...fields } })
  const url = await databaseUrl(t)
  await importDjango(t, url, linesFile(t, member({ login: 'alice', born: 1990 })), '--commit')
  t.strictSame(await namesOf(url), { 1: 'alice' })
  const several = linesFile(t, member({ login: 'alice', nickname: 'al' }))
  await refuses(
    t,
    [several],
    /name the field of accounts\.member that users log in with \(USERNAME_FIELD\) by --username-column: login, nickname\n$/,
  )
  t.equal((await importDjango(t, url, several, '--username-column', 'nickname', '--commit')).users.changed, 1)
})

t.test('a model is named as Django writes it, or by its table, whatever its case', async (t) => {
  const of = (model: string, pk: number) =>
    JSON.stringify({ model, pk, fields: { password: HASH, last_login: null, is_superuser: false, username: `name-${pk}` } })
  const file = linesFile(t, `${of('Authentication_Token_App.userlogin', 1)}\n${of('shop.userlogin', 2)}`)
  for (const name of ['Authentication_Token_App.UserLogin', 'authentication_token_app.userlogin', 'Authentication_Token_App_userlogin']) {
    const url = await databaseUrl(t)
    await importDjango(t, url, file, '--table', name, '--commit')
    t.strictSame(await namesOf(url), { 1: 'name-1' }, name)
  }
})

t.test('tables show what is left out and remarked, twenty for each reason', async (t) => {
  const url = await databaseUrl(t)
  const { source } = djangoFile(
    t,
    Array.from({ length: 22 }, (_, index) => ({ id: index + 1, username: `${' '.repeat(index)} \u202e` })),
  )
  const { code, stdout } = await latchkey(url, 'import', 'django', source, '--commit')
  t.equal(code, 3)
  const rows = [...Array(20).keys()].map((index) =>
    index === 0 ? '1   \\u202e    new       name_trimmed' : `${String(index + 1).padEnd(2)}  \\u202e    left out  name_taken`,
  )
  t.match(stdout, /^left out +21$/m)
  t.match(stdout, /^name_taken +21\nname_trimmed +1$/m)
  t.ok(
    stdout.includes(
      `id  username  outcome   reason\n${rows.join('\n')}\n21  \\u202e    left out  name_taken\n… 20 of each; --json has all\n`,
    ),
    stdout,
  )
})
