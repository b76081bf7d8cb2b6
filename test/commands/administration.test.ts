import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openDatabase } from '../../db/open.ts'
import { insertUser, updateUser } from '../../db/users.ts'
import { fold } from '../../domain/text.ts'
import { databaseUrl, notOnPostgres } from '../databases.ts'
import { PASSWORD } from '../helper.ts'
import { serve } from '../server/in-process.ts'
import { folder, postTo } from '../server/process.ts'
import { asJson, latchkey } from './latchkey.ts'

/** The rules are tested on both; these tests are about what is said and printed. */
const once = { skip: notOnPostgres('the same on both databases') }
const TIME = /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ$/
const ordinary = { last_login: null, is_superuser: false, is_active: true, is_staff: false, date_joined: TIME }

interface Page {
  readonly results: readonly { readonly username: string }[]
  readonly next: string | null
}

/** A database with these users, whom no password lets in. */
async function withUsers(t: Test, ...names: string[]): Promise<string> {
  const url = await databaseUrl(t)
  const db = await openDatabase(url)
  await db.write(async (handle) => {
    for (const username of names) {
      await insertUser(handle, { username, username_key: fold(username), password: '!', created_at: Date.now() })
    }
  })
  await db.close()
  return url
}

async function makeSuperuser(url: string, id: number): Promise<void> {
  const db = await openDatabase(url)
  await db.write((handle) => updateUser(handle, id, { is_staff: 1, is_superuser: 1 }, Date.now()))
  await db.close()
}

function passwordFile(t: Test, password: string): string {
  const file = join(folder(t), 'password')
  writeFileSync(file, `${password}\n`)
  return file
}

/** Asserts that a document has these members and no other. */
function isWhole(t: Test, document: unknown, expected: object): void {
  t.match(document, expected)
  t.strictSame(Object.keys(document as object), Object.keys(expected))
}

async function isRefused(t: Test, url: string, words: readonly string[], line: string): Promise<void> {
  const { code, stdout, stderr } = await latchkey(url, ...words)
  t.strictSame({ code, stdout, stderr }, { code: 1, stdout: '', stderr: `latchkey: ${line}\n` })
}

t.test('the first superuser of a new database comes from the command line, is staff too, and logs in', async (t) => {
  const url = await databaseUrl(t)
  const made = await asJson(
    t,
    latchkey(url, 'users', 'create', 'root', '--superuser', '--password-file', passwordFile(t, PASSWORD), '--json'),
  )
  isWhole(t, made, { id: Number, username: 'root', ...ordinary, is_superuser: true, is_staff: true })
  const service = await serve(t, { DATABASE_URL: url })
  t.equal((await postTo(`${service.url}/api/token/`, { username: 'root', password: PASSWORD })).status, 200)
  const shown = await asJson(t, latchkey(url, 'users', 'show', 'root', '--json'))
  const { id } = made as { id: number }
  isWhole(t, shown, {
    id,
    username: 'root',
    ...{ ...ordinary, last_login: TIME, is_superuser: true, is_staff: true },
    email: null,
    changed_at: TIME,
    sessions: 1,
  })
  const events = (await asJson(t, latchkey(url, 'events', '--user', 'root', '--json'))) as { kind: string; actor_id: unknown }[]
  t.strictSame(
    events.map(({ kind, actor_id }) => [kind, actor_id]),
    [
      ['login', null],
      ['user_created', null],
    ],
  )
})

t.test('a name or a password that registration would refuse makes no user, and each fault is a line', once, async (t) => {
  const url = await withUsers(t, 'alice')
  const create = (name: string, password: string) => ['users', 'create', name, '--password-file', passwordFile(t, password)]
  await isRefused(t, url, create('Alice', PASSWORD), 'username: user login with this username already exists.')
  await isRefused(
    t,
    url,
    create('a\u001bb', '1234'),
    'password: This password is too short. It must contain at least 8 characters.\n' +
      'latchkey: password: This password is too common.\n' +
      'latchkey: password: This password is entirely numeric.\n' +
      'latchkey: username: Control characters are not allowed.',
  )
  const { results } = (await asJson(t, latchkey(url, 'users', 'list', '--json'))) as Page
  t.strictSame(
    results.map(({ username }) => username),
    ['alice'],
  )
})

t.test('users list shows a page, says where the next one begins, and takes a cursor for the same list alone', once, async (t) => {
  const url = await withUsers(t, 'carol', 'Bob', 'alice', 'albert', 'a\u001b[2Jb')
  await latchkey(url, 'users', 'disable', 'albert')
  const list = async (...options: string[]) => {
    const { results, next } = (await asJson(t, latchkey(url, 'users', 'list', '--json', ...options))) as Page
    return { names: results.map(({ username }) => username), next }
  }
  const first = await list('--limit', '2')
  t.strictSame(first.names, ['a\u001b[2Jb', 'albert'])
  t.match(first.next, /^[\w-]+$/)
  t.match(await list('--limit', '2', `--cursor=${first.next}`), { names: ['alice', 'Bob'], next: String })
  t.strictSame(await list('--search', 'AL'), { names: ['albert', 'alice'], next: null })
  t.strictSame(await list('--search', 'al', '--active'), { names: ['alice'], next: null })
  t.strictSame(await list('--disabled'), { names: ['albert'], next: null })
  t.strictSame(await list('--staff'), { names: [], next: null })
  t.strictSame(await list('--superuser'), { names: [], next: null })
  await isRefused(t, url, ['users', 'list', '--staff', `--cursor=${first.next}`], '--cursor: Invalid cursor')
  await isRefused(t, url, ['users', 'list', '--cursor', 'x'], '--cursor: Invalid cursor')
  const { code, stdout, stderr } = await latchkey(url, 'users', 'list', '--limit', '1')
  t.match({ code, stdout }, { code: 0, stdout: /^id .*\n\d +a\\u001b\[2Jb +- +no +yes +no +20\S+Z\n$/ })
  t.match(stderr, /^latchkey: there are more; go on with --cursor=[\w-]+\n$/)
})

t.test('users are renamed, promoted and demoted, and the document says what holds now', once, async (t) => {
  const url = await withUsers(t, 'alice', 'bob')
  const change = (...words: string[]) => asJson(t, latchkey(url, 'users', ...words, '--json'))
  isWhole(t, await change('rename', 'alice', ' carol '), { id: 1, username: 'carol', ...ordinary })
  isWhole(t, await change('promote', 'carol', '--superuser'), {
    id: 1,
    username: 'carol',
    ...{ ...ordinary, is_superuser: true, is_staff: true },
  })
  isWhole(t, await change('promote', 'bob', '--staff'), { id: 2, username: 'bob', ...ordinary, is_staff: true })
  t.match(await change('promote', 'bob', '--superuser'), { is_superuser: true, is_staff: true })
  t.match(await change('demote', 'bob', '--superuser'), { is_superuser: false, is_staff: true })
  t.match(await change('promote', 'bob', '--superuser'), { is_superuser: true, is_staff: true })
  t.match(await change('demote', 'bob', '--staff'), { is_superuser: false, is_staff: false })
  t.match(await latchkey(url, 'users', 'demote', 'bob', '--staff'), {
    code: 0,
    stdout: /^id +username .*\n2 +bob +- +no +yes +no +20\S+Z\n$/,
    stderr: 'latchkey: "bob" was so already; nothing has changed\n',
  })
  await isRefused(t, url, ['users', 'rename', 'bob', 'CAROL'], 'username: user login with this username already exists.')
  await isRefused(t, url, ['users', 'rename', 'bob', 'x'.repeat(201)], 'username: Ensure this field has no more than 200 characters.')
})

t.test('the last active superuser can neither be demoted, nor disabled, nor deleted, until there is another one', once, async (t) => {
  const url = await withUsers(t, 'root', 'alice')
  await makeSuperuser(url, 1)
  const refusal = 'This is the last active superuser who is staff. Make another one first.'
  for (const words of [
    ['demote', 'root', '--superuser'],
    ['demote', 'root', '--staff'],
    ['disable', 'root'],
    ['delete', 'root'],
  ]) {
    await isRefused(t, url, ['users', ...words], refusal)
  }
  t.match(await asJson(t, latchkey(url, 'users', 'show', 'root', '--json')), { is_superuser: true, is_active: true, is_staff: true })
  t.equal((await latchkey(url, 'users', 'promote', 'alice', '--superuser')).code, 0)
  isWhole(t, await asJson(t, latchkey(url, 'users', 'delete', 'root', '--json')), { id: 1, username: 'root', is_deleted: true })
  await isRefused(t, url, ['users', 'show', 'root'], 'there is no user "root"')
})

t.test('a password that is set ends all sessions, and the new one lets its user in', async (t) => {
  const url = await databaseUrl(t)
  const service = await serve(t, { DATABASE_URL: url })
  await postTo(`${service.url}/api/users/`, { username: 'alice', password: PASSWORD })
  const logIn = (password: string) => postTo(`${service.url}/api/token/`, { username: 'alice', password })
  const { access } = (await logIn(PASSWORD)).body as { access: string }
  const set = (password: string) => latchkey(url, 'users', 'set-password', 'alice', '--password-file', passwordFile(t, password), '--json')
  t.match(await set('alice alice'), { code: 1, stdout: '', stderr: 'latchkey: password: The password is too similar to the username.\n' })
  t.equal((await postTo(`${service.url}/api/token/verify/`, { token: access })).status, 200)
  isWhole(t, await asJson(t, set('another horse of 1984')), { id: Number, username: 'alice', ...ordinary, last_login: TIME })
  t.equal((await postTo(`${service.url}/api/token/verify/`, { token: access })).status, 401)
  t.equal((await logIn(PASSWORD)).status, 401)
  t.equal((await logIn('another horse of 1984')).status, 200)
})

t.test('sessions are listed, the one used last first, and ended one by one', async (t) => {
  const url = await databaseUrl(t)
  const service = await serve(t, { DATABASE_URL: url })
  const credentials = { username: 'alice', password: PASSWORD }
  await postTo(`${service.url}/api/users/`, credentials)
  const logIn = async () => ((await postTo(`${service.url}/api/token/`, credentials)).body as { access: string }).access
  const tokens = [await logIn(), await logIn()]
  const verify = async (token = '') => (await postTo(`${service.url}/api/token/verify/`, { token })).status

  const sessions = (await asJson(t, latchkey(url, 'sessions', 'list', 'alice', '--json'))) as { id: string }[]
  t.equal(sessions.length, 2)
  for (const session of sessions) {
    isWhole(t, session, {
      id: /^\d+-[\w-]{22}$/,
      ...{ created_at: TIME, last_used_at: TIME, expires_at: TIME, address: '127.0.0.1', client: String },
      ...{ elsewhere_at: null, elsewhere_address: null, elsewhere_client: null },
    })
  }
  const { id } = sessions.find(({ id }) => id === sidOf(tokens[0])) ?? { id: '' }
  t.strictSame(await asJson(t, latchkey(url, 'sessions', 'end', id, '--json')), { id, is_ended: true })
  t.strictSame([await verify(tokens[0]), await verify(tokens[1])], [401, 200])
  const excerpt = `${id.slice(0, 32)}${id.length > 32 ? '…' : ''}`
  await isRefused(t, url, ['sessions', 'end', id], `there is no live session "${excerpt}"`)
  await isRefused(t, url, ['sessions', 'end', '1e3'], 'there is no live session "1e3"')
  await isRefused(t, url, ['sessions', 'list', 'nobody'], 'there is no user "nobody"')
  await logIn()
  const { code, stdout, stderr } = await latchkey(url, 'sessions', 'list', 'alice', '--limit', '1')
  t.match({ code, stdout, stderr }, { code: 0, stdout: /^id .*\n\d+-.*\n$/, stderr: 'latchkey: there are 2; --limit shows more\n' })
})

function sidOf(token = ''): string {
  return JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString()).sid
}
