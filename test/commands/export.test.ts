import { createHash } from 'node:crypto'
import t, { type Test } from 'tap'
import type { Database } from '../../db/database.ts'
import { openDatabase } from '../../db/open.ts'
import type { NewUser } from '../../db/schema.ts'
import { deleteUser } from '../../db/users.ts'
import { databaseUrl, notOnPostgres } from '../databases.ts'
import { AUTH_USER, customTable, dialect, djangoDatabase } from './django-tables.ts'
import { latchkey } from './latchkey.ts'

const IMPORTED = Date.parse('2026-03-01T00:00:00Z')
const CHANGED = IMPORTED + 1000
const OURS = `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'B'.repeat(43)}`
const THEIRS = 'pbkdf2_sha256$870000$salt$hash='

const md5 = (text: string) => createHash('md5').update(text).digest('hex').toUpperCase()

/** A user that an import has brought, and nobody has changed since. */
const imported = (id: number, username: string, more: Partial<NewUser> = {}): NewUser => ({
  id,
  username,
  username_key: username,
  password: THEIRS,
  created_at: Date.parse('2020-01-02T03:04:05.678Z'),
  changed_at: IMPORTED,
  imported_at: IMPORTED,
  imported_hash_md5: md5(THEIRS),
  is_active: 1,
  is_staff: 0,
  is_superuser: 0,
  ...more,
})
const changed = (id: number, username: string, more: Partial<NewUser> = {}) => imported(id, username, { changed_at: CHANGED, ...more })
/** A user that registered here. */
const registered = (id: number, username: string, more: Partial<NewUser> = {}) =>
  imported(id, username, { imported_at: null, imported_hash_md5: null, password: OURS, ...more })

async function serviceWith(t: Test, users: readonly NewUser[]): Promise<{ url: string; db: Database }> {
  const url = await databaseUrl(t)
  const db = await openDatabase(url)
  t.teardown(() => db.close())
  if (users.length > 0) await db.write((handle) => handle.insertInto('users').values(users).execute())
  return { url, db }
}

const exported = (url: string, ...args: string[]) =>
  latchkey(url, 'export', 'django', '--table', 'auth_user', '--dialect', dialect, ...args)

async function sqlOf(t: Test, url: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await exported(url, ...args)
  t.strictSame({ code, stderr }, { code: 0, stderr: '' })
  return stdout
}

/** Rows as Django's migrations and its users made them. */
const row = (id: number, username: string) =>
  `INSERT INTO auth_user VALUES (${id}, '${THEIRS}', NULL, '0', '${username}', 'Last', 'e@x.example', '0', '1', '2020-01-02 03:04:05.678901+00', 'First');`

/** Booleans as numbers and times as texts, so that both databases answer the same. */
const texts = (columns: string) =>
  columns
    .split(' ')
    .map((column) => (/^is_/.test(column) ? `cast(${column} as integer) as ${column}` : column))
    .join(', ')
const time = (column: string) =>
  dialect === 'postgres' ? `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') as ${column}` : column

t.test('what was changed here is brought to Django, and what was not stays as it is there', async (t) => {
  const login = Date.parse('2026-04-05T06:07:08.009Z')
  const { url } = await serviceWith(t, [
    imported(1, 'same'),
    imported(2, 'logged in', { password: OURS, last_login_at: login }),
    changed(3, 'new name', { password: OURS, is_active: 0, is_staff: 1, is_superuser: 1, email: 'old@x.example' }),
    registered(9, 'newcomer', { last_login_at: login, is_staff: 1 }),
  ])
  const django = await djangoDatabase(t, AUTH_USER)
  await django.run(['same', 'other in Django', 'old name'].map((name, index) => row(index + 1, name)).join(''))
  await django.run(`UPDATE auth_user SET password = 'changed there', last_login = '2026-01-01 00:00:00.000001+00' WHERE id = 1`)
  const sql = await sqlOf(t, url)
  const there = { is_superuser: 0, is_staff: 0, is_active: 1, email: 'e@x.example', first_name: 'First', last_name: 'Last' }
  const joined = dialect === 'postgres' ? '2020-01-02 03:04:05.678901' : '2020-01-02 03:04:05.678901+00'
  const first = dialect === 'postgres' ? '2026-01-01 00:00:00.000001' : '2026-01-01 00:00:00.000001+00'
  const at = '2026-04-05 06:07:08.009000'
  const hash = `argon2${OURS}`
  const expected = [
    { id: 1, username: 'same', password: 'changed there', ...there, last_login: first, date_joined: joined },
    { id: 2, username: 'other in Django', password: hash, ...there, last_login: at, date_joined: joined },
    {
      id: 3,
      username: 'new name',
      password: hash,
      ...there,
      is_superuser: 1,
      is_staff: 1,
      is_active: 0,
      last_login: null,
      date_joined: joined,
    },
    {
      id: 9,
      username: 'newcomer',
      password: hash,
      ...{ is_superuser: 0, is_staff: 1, is_active: 1, email: '', first_name: '', last_name: '' },
      last_login: at,
      date_joined: '2020-01-02 03:04:05.678000',
    },
  ]
  const columns = texts('id username password is_superuser is_staff is_active email first_name last_name')
  const query = `SELECT ${columns}, ${time('last_login')}, ${time('date_joined')} FROM auth_user ORDER BY id`
  for (const time of ['once', 'twice']) {
    await django.run(sql)
    t.strictSame(await django.rows(query), expected, time)
  }
})

t.test('a login that Django knows to be later stays', async (t) => {
  const { url } = await serviceWith(t, [imported(1, 'alice', { last_login_at: IMPORTED })])
  const django = await djangoDatabase(t, AUTH_USER)
  await django.run(`${row(1, 'alice')} UPDATE auth_user SET last_login = '2026-03-01 00:00:00.000001+00';`)
  await django.run(await sqlOf(t, url))
  const later = dialect === 'postgres' ? '2026-03-01 00:00:00.000001' : '2026-03-01 00:00:00.000001+00'
  t.strictSame(await django.rows(`SELECT ${time('last_login')} FROM auth_user`), [{ last_login: later }])
})

t.test('a table without a row gets all users, and none of the deleted ones', async (t) => {
  const { url, db } = await serviceWith(t, [imported(1, 'alice', { email: 'a@x.example' }), registered(2, 'bob')])
  await db.write((handle) => deleteUser(handle, 2, CHANGED))
  const django = await djangoDatabase(t, AUTH_USER)
  await django.run(await sqlOf(t, url))
  const columns = texts('id username password is_superuser is_staff is_active email first_name')
  t.strictSame(await django.rows(`SELECT ${columns}, ${time('date_joined')} FROM auth_user`), [
    {
      ...{ id: 1, username: 'alice', password: THEIRS, is_superuser: 0, is_staff: 0, is_active: 1, email: 'a@x.example', first_name: '' },
      date_joined: '2020-01-02 03:04:05.678000',
    },
  ])
})

t.test('a user who was deleted here is disabled there and has no password, and a newcomer may have the name', async (t) => {
  const { url, db } = await serviceWith(t, [imported(1, 'alice'), imported(2, 'bob'), registered(9, 'alice again')])
  await db.write(async (handle) => {
    await deleteUser(handle, 1, CHANGED)
    await deleteUser(handle, 2, CHANGED)
    await handle.updateTable('users').set({ username: 'alice' }).where('id', '=', 9).execute()
  })
  const django = await djangoDatabase(t, AUTH_USER)
  await django.run(`${row(1, 'alice')} ${row(2, 'bob')} ${row(3, 'never here')}`)
  await django.run(await sqlOf(t, url))
  const rows = (await django.rows(`SELECT ${texts('id username password is_active')} FROM auth_user ORDER BY id`)) as { password: string }[]
  t.match(rows, [
    { id: 1, username: /^deleted-[A-Za-z0-9]{8}-9$/, password: /^![A-Za-z0-9]{40}$/, is_active: 0 },
    { id: 2, username: 'bob', password: /^![A-Za-z0-9]{40}$/, is_active: 0 },
    { id: 3, username: 'never here', password: THEIRS, is_active: 1 },
    { id: 9, username: 'alice', password: `argon2${OURS}`, is_active: 1 },
  ])
})

t.test('names that users swapped, or passed on, arrive', async (t) => {
  const { url } = await serviceWith(t, [
    changed(1, 'two'),
    changed(2, 'one'),
    changed(3, 'four'),
    changed(4, 'five'),
    registered(9, 'three'),
  ])
  const django = await djangoDatabase(t, AUTH_USER)
  await django.run(['one', 'two', 'three', 'four'].map((name, index) => row(index + 1, name)).join(''))
  await django.run(await sqlOf(t, url))
  t.strictSame(
    (await django.rows('SELECT username FROM auth_user ORDER BY id')).map((row) => (row as { username: string }).username),
    ['two', 'one', 'four', 'five', 'three'],
  )
})

t.test('a name that a user has whom only Django knows fails the whole, and changes nothing', async (t) => {
  const { url } = await serviceWith(t, [changed(1, 'renamed'), registered(9, 'theirs')])
  const django = await djangoDatabase(t, AUTH_USER)
  await django.run(`${row(1, 'alice')} ${row(5, 'theirs')}`)
  const before = await django.rows('SELECT * FROM auth_user ORDER BY id')
  await t.rejects(django.run(await sqlOf(t, url)), /unique/i)
  await django.run('ROLLBACK')
  t.strictSame(await django.rows('SELECT * FROM auth_user ORDER BY id'), before)
})

const HOSTILE = [`o'Neil "Bob" \\`, `\\'); DROP TABLE auth_user; --`, ':alice $$ $1 %s ?', '/* 👩🏽‍🚀 e\u0301 é', `x'||'y`]

t.test('names, values, tables and columns arrive as they are, whatever is in them', async (t) => {
  const { url } = await serviceWith(t, [
    ...HOSTILE.map((name, index) => changed(index + 1, name)),
    ...HOSTILE.map((name, index) => registered(index + 101, `${name} 2`, { email: `.quit\n${name}\n.shell\n;\ngo\n` })),
  ])
  const table = `say "hi"; 'x' \\ Ünï`
  const quoted = `"${table.replaceAll('"', '""')}"`
  const column = '"the ""name"" \\"'
  const django = await djangoDatabase(t, customTable(quoted, column))
  await django.run(
    HOSTILE.map((_, index) => `INSERT INTO ${quoted} VALUES (${index + 1}, '', NULL, '0', 'old ${index}', '1', 'en', 1);`).join(''),
  )
  await django.run(`ALTER TABLE ${quoted} ADD COLUMN email varchar(254) NOT NULL DEFAULT 'none'`)
  const { code, stdout, stderr } = await latchkey(
    url,
    ...['export', 'django', '--table', table, '--dialect', dialect, '--username-column', 'the "name" \\'],
    ...['--columns', 'is_superuser,is_active,email', '--set', `locale=';"\\`, '--set', 'quota=7'],
  )
  t.strictSame({ code, stderr }, { code: 0, stderr: '' })
  await django.run(stdout)
  t.strictSame(await django.rows(`SELECT id, ${column} AS name, locale, quota, email FROM ${quoted} ORDER BY id`), [
    ...HOSTILE.map((name, index) => ({ id: index + 1, name, locale: 'en', quota: 1, email: 'none' })),
    ...HOSTILE.map((name, index) => ({
      ...{ id: index + 101, name: `${name} 2`, locale: `';"\\`, quota: 7 },
      email: `.quit\n${name}\n.shell\n;\ngo\n`,
    })),
  ])
})

t.test('a hash goes back with the name of its algorithm before it, or as it came', async (t) => {
  const stored: Record<string, string> = {
    [OURS]: `argon2${OURS}`,
    '$argon2i$v=19$m=512,t=2,p=2$c2FsdHNhbHRzYWx0$9LY80': 'argon2$argon2i$v=19$m=512,t=2,p=2$c2FsdHNhbHRzYWx0$9LY80',
    $2b$12$abc: 'bcrypt$$2b$12$abc',
    $2y$12$abc: 'bcrypt$$2y$12$abc',
    bcrypt_sha256$$2b$12$abc: 'bcrypt_sha256$$2b$12$abc',
    'argon2$argon2id$v=19$x': 'argon2$argon2id$v=19$x',
    [THEIRS]: THEIRS,
    md5$salt$0123: 'md5$salt$0123',
    '!unusable': '!unusable',
    '': '',
  }
  const hashes = Object.keys(stored)
  const { url } = await serviceWith(
    t,
    hashes.map((password, index) => changed(index + 1, `user ${index}`, { password })),
  )
  const django = await djangoDatabase(t, AUTH_USER)
  await django.run(await sqlOf(t, url))
  t.strictSame(
    (await django.rows('SELECT password FROM auth_user ORDER BY id')).map((row) => (row as { password: string }).password),
    Object.values(stored),
  )
})

t.test('what does not fit Django is named, all else goes through, and the exit code is 3', async (t) => {
  const long = 'n'.repeat(151)
  const cost = `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(43)}$${'B'.repeat(64)}`
  const { url } = await serviceWith(t, [
    imported(1, long),
    changed(2, `${long}2`, { is_active: 0 }),
    changed(3, 'carol', { password: cost }),
    registered(9, `\u202e${long}`),
    registered(10, '👩'.repeat(150)),
  ])
  const django = await djangoDatabase(t, AUTH_USER)
  await django.run(['one', 'two', 'three'].map((name, index) => row(index + 1, name)).join(''))
  const { code, stdout, stderr } = await exported(url)
  const name = 'name_too_long: the name is longer than --username-length: an old row keeps its name, and no new one is made'
  t.strictSame(
    { code, stderr },
    {
      code: 3,
      stderr: `latchkey: 2 "${long}2": ${name}
latchkey: 3 "carol": hash_too_long: the hash is longer than 128 characters: the row gets an unusable one, so the user needs a new password
latchkey: 9 "\\u202e${long}": ${name}
latchkey: written, but for 3 users as they are named above
`,
    },
  )
  await django.run(stdout)
  t.match(await django.rows(`SELECT ${texts('id username password is_active')} FROM auth_user ORDER BY id`), [
    { id: 1, username: 'one', password: THEIRS, is_active: 1 },
    { id: 2, username: 'two', password: THEIRS, is_active: 0 },
    { id: 3, username: 'carol', password: /^![A-Za-z0-9]{40}$/, is_active: 1 },
    { id: 10, username: '👩'.repeat(150), password: `argon2${OURS}`, is_active: 1 },
  ])
  t.match(await exported(url, '--username-length', '152'), { code: 3, stderr: /^latchkey: 3 .*\nlatchkey: written, but for 1 users/ })
})

t.test("Django's next user has an id that nobody ever had, here or there", async (t) => {
  const { url, db } = await serviceWith(t, [imported(1, 'alice'), registered(70, 'bob')])
  await db.write((handle) => deleteUser(handle, 70, CHANGED))
  const django = await djangoDatabase(t, AUTH_USER)
  const next = async (username: string) => {
    await django.run(
      `INSERT INTO auth_user (password, is_superuser, username, last_name, email, is_staff, is_active, date_joined, first_name)
      VALUES ('', '0', '${username}', '', '', '0', '1', '2026-01-01 00:00:00+00', '')`,
    )
    const [row] = await django.rows(`SELECT id FROM auth_user WHERE username = '${username}'`)
    return (row as { id: number }).id
  }
  const sql = await sqlOf(t, url)
  await django.run(sql)
  t.equal(await next('first'), 71)
  for (const name of ['second', 'third']) await next(name)
  await django.run(sql)
  t.equal(await next('fourth'), 74, 'and it never goes back')
})

t.test('a model that logs in by e-mail, with columns of its own', async (t) => {
  const { url } = await serviceWith(t, [changed(1, 'new@x.example'), registered(2, 'bob@x.example')])
  const django = await djangoDatabase(t, customTable('"shop_Customer"', 'email'))
  await django.run(`INSERT INTO "shop_Customer" VALUES (1, '', NULL, '0', 'old@x.example', '1', 'fr', 5)`)
  const { code, stdout } = await latchkey(
    url,
    ...['export', 'django', '--table=shop_Customer', `--dialect=${dialect}`, '--username-column=email', '--username-length=254'],
    ...['--columns=last_login,is_superuser,is_active,email', '--set=locale=en', '--set=quota=3'],
  )
  t.equal(code, 0)
  await django.run(stdout)
  t.strictSame(await django.rows(`SELECT ${texts('id email is_active locale quota')} FROM "shop_Customer" ORDER BY id`), [
    { id: 1, email: 'new@x.example', is_active: 1, locale: 'fr', quota: 5 },
    { id: 2, email: 'bob@x.example', is_active: 1, locale: 'en', quota: 3 },
  ])
})

t.test('where a table does not tell who is disabled, whoever is disabled or deleted here has no password there', async (t) => {
  const { url, db } = await serviceWith(t, [
    imported(1, 'alice'),
    changed(2, 'bob', { is_active: 0 }),
    registered(3, 'carol', { is_active: 0 }),
  ])
  await db.write((handle) => deleteUser(handle, 1, CHANGED))
  const django = await djangoDatabase(t, AUTH_USER)
  await django.run(`${row(1, 'alice')} ${row(2, 'bob')} ALTER TABLE auth_user DROP COLUMN is_active`)
  await django.run(await sqlOf(t, url, '--columns', 'is_superuser,is_staff,email,date_joined,first_name,last_name'))
  const rows = await django.rows('SELECT id, password FROM auth_user ORDER BY id')
  t.match(
    rows,
    [1, 2, 3].map((id) => ({ id, password: /^![A-Za-z0-9]{40}$/ })),
  )
})

t.test(
  'without USE_TZ times are written as the clock of TIME_ZONE showed them',
  { skip: notOnPostgres('there a time has its zone') },
  async (t) => {
    const { url } = await serviceWith(t, [registered(1, 'alice', { last_login_at: Date.parse('2026-07-01T23:30:00Z') })])
    const django = await djangoDatabase(t, AUTH_USER)
    await django.run(await sqlOf(t, url, '--time-zone', 'Europe/Berlin'))
    t.strictSame(await django.rows('SELECT last_login, date_joined FROM auth_user'), [
      { last_login: '2026-07-02 01:30:00.000000', date_joined: '2020-01-02 04:04:05.678000' },
    ])
  },
)

t.test('users and deleted ones of more than a page arrive', async (t) => {
  const { url, db } = await serviceWith(t, [])
  await db.write(async (handle) => {
    for (const first of [1, 301, 601, 901]) {
      const users = Array.from({ length: 300 }, (_, index) => registered(first + index, `user ${first + index}`))
      await handle.insertInto('users').values(users).execute()
    }
    for (let id = 1; id <= 550; id++) await deleteUser(handle, id, CHANGED)
  })
  const django = await djangoDatabase(t, AUTH_USER)
  await django.run(Array.from({ length: 600 }, (_, index) => row(index + 1, `old ${index + 1}`)).join(''))
  await django.run(await sqlOf(t, url))
  const counted = await django.rows(
    `SELECT cast(count(*) as integer) AS users, cast(sum(cast(is_active as integer)) as integer) AS active FROM auth_user`,
  )
  t.strictSame(counted, [{ users: 1200, active: 650 }])
})

t.test('wrong usage is refused before anything is read', async (t) => {
  const { url } = await serviceWith(t, [])
  const refused: [args: string[], message: RegExp][] = [
    [
      ['--columns', 'is_staff,groups'],
      /error: option '--columns <list>' argument 'is_staff,groups' is invalid. It must be a list of last_login/,
    ],
    [['--set', 'password=x'], /error: --set cannot set password, which every user has here/],
    [['--set', 'username=x'], /error: --set cannot set username/],
    [['--set', 'locale'], /It must be COLUMN=VALUE, like locale=en/],
    [['--table', ' '], /It must be a name/],
    [['--username-length', '0'], /It must be a whole number from 1 to 9999/],
    [['--time-zone', 'Mars'], /It must be a time zone, like Europe\/Berlin/],
    [['--dialect', 'mysql'], /Allowed choices are sqlite, postgres/],
  ]
  for (const [args, message] of refused) t.match(await exported(url, ...args), { code: 2, stdout: '', stderr: message }, args.join(' '))
  t.match(await latchkey(url, 'export', 'django'), { code: 2, stdout: '', stderr: /required option '--table <name>' not specified/ })
})
