import t from 'tap'
import { databaseUrl } from '../databases.ts'
import { blacklist, djangoFile, HASH, md5, OTHER_HASH } from './django-file.ts'
import { importDjango, namesOf, said, usersOf, withDatabase } from './import.ts'
import { asJson, latchkey } from './latchkey.ts'

const HOSTILE = `pbkdf2_sha256$2000000000$salt$${'A'.repeat(43)}=`

/** Users of whom something is to be said, and what that is. */
const PECULIAR = [
  [{ id: 1, username: 'alice' }, undefined],
  [{ id: 2, username: ' alice\u00a0' }, 'left_out name_taken'],
  [{ id: 3, username: '\tbob ' }, 'new name_trimmed'],
  [{ id: 4, username: 'Bob' }, 'new folded_twin'],
  [{ id: 5, username: ' \u3000' }, 'left_out name_blank'],
  [{ id: 6, username: 'x'.repeat(255) }, 'left_out name_too_long'],
  [{ id: 7, username: '\u{1f511}'.repeat(254) }, undefined],
  [{ id: 8, username: 'a\0b' }, 'left_out name_control_character'],
  [{ id: 9, username: 'unknown', password: 'md5$salt$0123456789abcdef0123456789abcdef' }, 'new hash_unknown'],
  [{ id: 10, username: 'hostile', password: HOSTILE }, 'new hash_too_costly'],
  [{ id: 11, username: 'unusable', password: '!cenX25S2KTlYWxipnmzLpqLa35OFoIo70IvXL6mA' }, 'new hash_unusable'],
  [{ id: 12, username: 'empty', password: '' }, 'new hash_unknown'],
  [{ id: 13, username: 'nul', email: 'a\0@example.com' }, 'new email_left_out'],
  [{ id: 14, username: 'never', date_joined: 'never' }, 'new time_unreadable'],
  [{ id: 15, username: 'cafe\u0301' }, undefined],
  [{ id: 16, username: 'caf\u00e9' }, 'new folded_twin'],
  [{ id: 9_000_000_000_000_000n, username: 'last' }, undefined],
  [{ id: 9_000_000_000_000_001n, username: 'beyond' }, 'left_out id_out_of_range'],
  [{ id: 9_007_199_254_740_994n, username: 'rounded' }, 'left_out id_out_of_range'],
  [{ id: -1, username: 'negative' }, 'left_out id_out_of_range'],
  [{ id: 0, username: 'nobody' }, 'left_out id_out_of_range'],
] as const

t.test('each user who is left out or remarked is named with the reason, and a dry run says the same and writes nothing', async (t) => {
  const url = await databaseUrl(t)
  const { source } = djangoFile(
    t,
    PECULIAR.map(([user]) => user),
  )
  const before = await usersOf(url)
  const tried = await importDjango(t, url, source)
  t.strictSame(await usersOf(url), before)
  t.strictSame(said(tried), Object.fromEntries(PECULIAR.filter(([, what]) => what !== undefined).map(([{ id }, what]) => [id, what])))
  t.strictSame(tried.users, { read: 21, new: 13, changed: 0, unchanged: 0, left_out: 8 })
  t.strictSame(tried.next_id, 9_000_000_000_000_001)

  const done = await importDjango(t, url, source, '--commit')
  t.strictSame(done, { ...tried, is_committed: true })
  t.strictSame(Object.keys(await namesOf(url)).length, 13)
  t.strictSame((await importDjango(t, url, source, '--commit')).users, { read: 21, new: 0, changed: 0, unchanged: 13, left_out: 8 })
})

t.test('a user is here as in Django: id, name, flags, times to the millisecond, address and hash', async (t) => {
  const url = await databaseUrl(t)
  const { source } = djangoFile(t, [
    { id: 7, username: 'cafe\u0301', email: 'Cafe@Example.com', is_staff: 1, last_login: '2026-02-03 04:05:06.789012' },
    { id: 9, username: 'root', is_superuser: 1, is_active: 0, date_joined: '2024-02-29 23:59:59', password: OTHER_HASH },
  ])
  const earliest = Date.now()
  await importDjango(t, url, source, '--commit')
  const [cafe, root] = await usersOf(url)
  const at = cafe?.imported_at as number
  t.ok(at >= earliest && at <= Date.now())
  const all = { is_staff: 0, is_superuser: 0, is_active: 1, changed_at: at, imported_at: at, tokens_revoked_at: null }
  t.strictSame(cafe, {
    ...all,
    id: 7,
    username: 'cafe\u0301',
    username_nfc: 'caf\u00e9',
    username_key: 'caf\u00e9',
    password: HASH,
    is_staff: 1,
    created_at: Date.parse('2025-01-02T03:04:05.678Z'),
    last_login_at: Date.parse('2026-02-03T04:05:06.789Z'),
    email: 'Cafe@Example.com',
    imported_hash_md5: md5(HASH),
  })
  t.strictSame(root, {
    ...all,
    id: 9,
    username: 'root',
    username_nfc: null,
    username_key: 'root',
    password: OTHER_HASH,
    is_superuser: 1,
    is_active: 0,
    created_at: Date.parse('2024-02-29T23:59:59Z'),
    last_login_at: null,
    email: '',
    imported_hash_md5: md5(OTHER_HASH),
  })
})

t.test('a further import brings up to date who was not changed here, and writes nothing where nothing has changed', async (t) => {
  const url = await databaseUrl(t)
  const { django, source } = djangoFile(
    t,
    [1, 2, 3, 4].map((id) => ({ id, username: `user-${id}`, last_login: '2026-01-01 00:00:00' })),
  )
  await importDjango(t, url, source, '--commit')
  const ours = '$argon2id$v=19$m=19456,t=2,p=1$B7V6kCsdyUW0NPtz5WDVRg$s/wsaCwJ/+Etgv8xC/dzBHTZ5Ot72F/uEo8P1++hW2A'
  const loggedInAt = Date.parse('2026-05-01T00:00:00Z')
  await withDatabase(url, (handle) => handle.updateTable('users').set({ password: ours, last_login_at: loggedInAt }).execute())
  const before = await usersOf(url)

  t.strictSame((await importDjango(t, url, source, '--commit')).users, { read: 4, new: 0, changed: 0, unchanged: 4, left_out: 0 })
  t.strictSame(await usersOf(url), before)

  django.exec(`update auth_user set is_staff = 1, email = 'new@example.com', last_login = '2026-03-01 00:00:00' where id = 1`)
  django.exec(`update auth_user set password = '${OTHER_HASH}', last_login = '2026-07-01 00:00:00' where id = 2`)
  django.exec(`update auth_user set username = 'renamed' where id = 3`)
  t.strictSame((await importDjango(t, url, source, '--commit')).users, { read: 4, new: 0, changed: 3, unchanged: 1, left_out: 0 })
  const after = await usersOf(url)
  const [one, two, three, four] = before
  const times = (index: number) => ({ changed_at: after[index]?.changed_at, imported_at: after[index]?.changed_at })
  t.strictSame(after, [
    { ...one, is_staff: 1, email: 'new@example.com', ...times(0) },
    { ...two, password: OTHER_HASH, imported_hash_md5: md5(OTHER_HASH), last_login_at: Date.parse('2026-07-01T00:00:00Z'), ...times(1) },
    { ...three, username: 'renamed', username_key: 'renamed', ...times(2) },
    four,
  ])
})

t.test('who was changed, deleted or made here stays as here', async (t) => {
  const url = await databaseUrl(t)
  const { django, source } = djangoFile(
    t,
    [1, 2, 3].map((id) => ({ id, username: `user-${id}` })),
  )
  await importDjango(t, url, source, '--commit')
  await latchkey(url, 'users', 'rename', 'user-1', 'renamed')
  await withDatabase(url, async (handle) => {
    await handle.deleteFrom('users').where('id', '=', 2).execute()
    await handle.insertInto('deleted_users').values({ user_id: 2, deleted_at: 1 }).execute()
    const made = { username: 'made', username_key: 'made', password: '-', created_at: 1, changed_at: 1 }
    await handle
      .insertInto('users')
      .values([
        { ...made, id: 4 },
        { ...made, id: 5, username: 'other', username_key: 'other' },
      ])
      .execute()
  })
  django.exec(`update auth_user set is_staff = 1`)
  django.exec(`insert into auth_user select 4, password, null, 0, 'fourth', '', '', 0, 1, date_joined, '' from auth_user where id = 1`)
  django.exec(`insert into auth_user select 6, password, null, 0, 'other', '', '', 0, 1, date_joined, '' from auth_user where id = 1`)
  const before = await usersOf(url)
  const tried = await importDjango(t, url, source)
  const done = await importDjango(t, url, source, '--commit')
  t.strictSame(done, { ...tried, is_committed: true })
  t.strictSame(said(done), { 1: 'left_out changed_here', 2: 'left_out changed_here', 4: 'left_out id_taken', 6: 'left_out name_taken' })
  const after = await usersOf(url)
  t.strictSame(
    after.filter(({ id }) => id !== 3),
    before.filter(({ id }) => id !== 3),
  )
  t.equal(after.find(({ id }) => id === 3)?.is_staff, 1)
})

t.test('who was made or changed here is not left out any more when an export has brought the user to Django', async (t) => {
  const url = await databaseUrl(t)
  const { django, source } = djangoFile(t, [
    { id: 1, username: 'alice' },
    { id: 2, username: 'bob' },
  ])
  await importDjango(t, url, source, '--commit')
  await latchkey(url, 'users', 'rename', 'alice', 'bob again')
  await latchkey(url, 'users', 'disable', 'bob')
  await withDatabase(url, async (handle) => {
    const password = `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`
    const made = { username: 'made', username_key: 'made', password, created_at: 1, changed_at: 1 }
    await handle
      .insertInto('users')
      .values({ ...made, id: 9 })
      .execute()
  })
  t.strictSame(said(await importDjango(t, url, source, '--commit')), { 1: 'left_out changed_here', 2: 'left_out changed_here' })
  const { stdout } = await latchkey(url, 'export', 'django', '--table', 'auth_user', '--dialect', 'sqlite')
  django.exec(stdout)
  const before = await usersOf(url)
  const report = await importDjango(t, url, source, '--commit')
  t.match(report, { rows: [], users: { read: 3, new: 0, changed: 0, unchanged: 3, left_out: 0 } })
  t.strictSame(await usersOf(url), before)

  django.exec(`update auth_user set is_staff = 1 where id = 1; update auth_user set password = '!' where id = 2;
    update auth_user set username = 'other' where id = 9`)
  const changed = { 1: 'left_out changed_here', 2: 'left_out changed_here', 9: 'left_out id_taken' }
  t.strictSame(said(await importDjango(t, url, source, '--commit')), changed)
})

t.test('users who have passed their names on or swapped them have them so after one import, as a dry run says', async (t) => {
  const url = await databaseUrl(t)
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
  const { django, source } = djangoFile(
    t,
    names.map((username, index) => ({ id: index + 1, username })),
  )
  await importDjango(t, url, source, '--commit')
  // 1 and 2 have swapped, 3 to 5 have passed theirs round, 6 has passed its name on to 7, that to 8, and that has a new one.
  const now = ['b', 'a', 'd', 'e', 'c', 'g', 'h', 'new']
  django.exec(`update auth_user set username = 'moving ' || id`)
  for (const [index, name] of now.entries()) django.exec(`update auth_user set username = '${name}' where id = ${index + 1}`)
  const tried = await importDjango(t, url, source)
  t.strictSame(tried.users, { read: 8, new: 0, changed: 8, unchanged: 0, left_out: 0 })
  t.strictSame(said(tried), {}, 'nobody is the twin of a name that was given up')
  t.strictSame(await importDjango(t, url, source, '--commit'), { ...tried, is_committed: true })
  t.strictSame(Object.values(await namesOf(url)), now)
})

t.test('a circle of names is left as it is where one of its users was changed here', async (t) => {
  const url = await databaseUrl(t)
  const { django, source } = djangoFile(
    t,
    ['a', 'b', 'c'].map((username, index) => ({ id: index + 1, username })),
  )
  await importDjango(t, url, source, '--commit')
  await latchkey(url, 'users', 'promote', 'b', '--staff')
  django.exec(`update auth_user set username = 'moving ' || id`)
  for (const [index, name] of ['b', 'c', 'a'].entries()) django.exec(`update auth_user set username = '${name}' where id = ${index + 1}`)
  const done = await importDjango(t, url, source, '--commit')
  t.strictSame(said(done), { 1: 'left_out name_taken', 2: 'left_out changed_here', 3: 'left_out name_taken' })
  t.strictSame(Object.values(await namesOf(url)), ['a', 'b', 'c'])
})

t.test('revoked tokens come along that have not expired and are of users here, once', async (t) => {
  const url = await databaseUrl(t)
  const { django, source } = djangoFile(t, [
    { id: 1, username: 'alice' },
    { id: 2, username: ' ' },
  ])
  blacklist(django, { jti: 'dead', user_id: 1, expires_at: '2999-01-01 00:00:00' })
  blacklist(django, { jti: 'expired', user_id: 1, expires_at: '2020-01-01 00:00:00' })
  blacklist(django, { jti: 'of who is left out', user_id: 2, expires_at: '2999-01-01 00:00:00' })
  blacklist(django, { jti: 'of nobody', user_id: null, expires_at: '2999-01-01 00:00:00' })
  t.equal((await importDjango(t, url, source)).revoked_tokens, 1)
  for (let run = 0; run < 2; run++) {
    t.equal((await importDjango(t, url, source, '--commit')).revoked_tokens, 1)
    const tokens = await withDatabase(url, (handle) => handle.selectFrom('legacy_tokens').selectAll().execute())
    t.strictSame(tokens, [{ jti: 'dead', user_id: 1, session_id: null, expires_at: Date.parse('2999-01-01T00:00:00Z') }])
  }
})

t.test('ids go on after the highest that Django has given, also to a user who is no more', async (t) => {
  const url = await databaseUrl(t)
  const { django, source } = djangoFile(t, [
    { id: 1, username: 'alice' },
    { id: 700, username: 'gone' },
  ])
  django.exec('delete from auth_user where id = 700')
  t.equal((await importDjango(t, url, source)).next_id, 701)
  t.equal((await importDjango(t, url, source, '--commit')).next_id, 701)
  const id = await withDatabase(url, async (handle) => {
    const made = { username: 'next', username_key: 'next', password: '-', created_at: 1 }
    return (await handle.insertInto('users').values(made).returning('id').executeTakeFirstOrThrow()).id
  })
  t.equal(id, 701)
})

t.test('an import is one event, and says how many users of an earlier one are no longer there', async (t) => {
  const url = await databaseUrl(t)
  const { django, source } = djangoFile(
    t,
    [1, 2, 3].map((id) => ({ id, username: `user-${id}` })),
  )
  t.equal((await importDjango(t, url, source, '--commit')).no_longer_there, 0)
  await importDjango(t, url, source)
  django.exec('delete from auth_user where id = 2')
  t.equal((await importDjango(t, url, source, '--commit')).no_longer_there, 1)
  t.strictSame(Object.keys(await namesOf(url)), ['1', '2', '3'])
  const events = (await asJson(t, latchkey(url, 'events', '--json'))) as { kind: string; reason: string; subject: string }[]
  t.strictSame(
    events.map(({ kind, reason, subject }) => ({ kind, reason, subject })),
    ['0 new, 0 changed, 2 unchanged, 0 left out', '3 new, 0 changed, 0 unchanged, 0 left out'].map((counts) => ({
      kind: 'users_imported',
      reason: 'django',
      subject: `auth_user: ${counts}`,
    })),
  )
})

t.test('how many users have each kind of hash is reported, and counted for logins of unknown names', async (t) => {
  const url = await databaseUrl(t)
  const { django, source } = djangoFile(t, [
    { id: 1, username: 'one' },
    { id: 2, username: 'two' },
    { id: 3, username: 'three', password: '!' },
  ])
  t.strictSame((await importDjango(t, url, source, '--commit')).hashes, { pbkdf2_sha256$1000: 2, hash_unusable: 1 })
  django.exec(`update auth_user set password = 'bcrypt$$2b$12$SjDiX8.1A73IckVz/kwqKuqJDvvYgCL6ybJl4lCcINlyFUjG4NcfW' where id = 2`)
  t.strictSame((await importDjango(t, url, source, '--commit')).hashes, { pbkdf2_sha256$1000: 1, bcrypt$12: 1, hash_unusable: 1 })
  const kinds = await withDatabase(url, (handle) => handle.selectFrom('password_kinds').select(['kind', 'users']).execute())
  t.strictSame(
    kinds
      .filter(({ users }) => users > 0)
      .map(({ kind, users }) => `${kind} ${users}`)
      .sort(),
    ['bcrypt$12 1', 'pbkdf2_sha256$1000 1'],
  )
})
