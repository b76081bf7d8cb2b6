import t from 'tap'
import { deleteUser } from '../../db/users.ts'
import { AUTH_USER, dialect, djangoDatabase } from './django-tables.ts'
import { CHANGED, changed, IMPORTED, imported, OURS, registered, row, serviceWith, sqlOf, THEIRS, texts, time } from './exports.ts'

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

t.test(
  'a name that was trimmed on its way here, and not changed since, stays as it is there, beside who has the trimmed one',
  async (t) => {
    const { url } = await serviceWith(t, [changed(1, 'bob', { password: OURS }), changed(3, 'carol', { is_staff: 1 }), changed(4, 'dan')])
    const django = await djangoDatabase(t, AUTH_USER)
    await django.run([row(1, ' bob\u00a0'), row(2, 'bob'), row(3, '\t\u3000carol\n'), row(4, ' not dan ')].join(''))
    await django.run(await sqlOf(t, url))
    t.strictSame(await django.rows(`SELECT ${texts('id username password is_staff')} FROM auth_user ORDER BY id`), [
      { id: 1, username: ' bob\u00a0', password: `argon2${OURS}`, is_staff: 0 },
      { id: 2, username: 'bob', password: THEIRS, is_staff: 0 },
      { id: 3, username: '\t\u3000carol\n', password: THEIRS, is_staff: 1 },
      { id: 4, username: 'dan', password: THEIRS, is_staff: 0 },
    ])
  },
)

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
