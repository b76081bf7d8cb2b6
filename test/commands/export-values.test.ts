import t from 'tap'
import { deleteUser } from '../../db/users.ts'
import { notOnPostgres } from '../databases.ts'
import { AUTH_USER, customTable, dialect, djangoDatabase } from './django-tables.ts'
import { CHANGED, changed, exported, imported, OURS, registered, row, serviceWith, sqlOf, THEIRS, texts } from './exports.ts'
import { latchkey } from './latchkey.ts'

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
