// A real Django with a real Simple JWT: its users and tokens come here and go on here, and the users go back.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openDatabase } from '../../db/open.ts'
import { folder, postTo, type Service } from '../server/process.ts'
import { runShared } from '../server/shared-process.ts'
import { Django, type DjangoUser, installDjango, type Model, type Pair, SECRET_KEY, succeed } from './django/django.ts'
import { runGuide } from './django/guide.ts'
import { daysFromNow, logIn, type MakeDatabase, Scenario, statusOf } from './django/scenario.ts'

/** A first run downloads Django. */
t.setTimeout(900_000)

/** Names that psql, a shell of SQLite or a hasty quotation would take for something else. */
const ODD_NAMES = [`o'Neil "Bob" \\`, `\\'); DROP TABLE auth_user; --`, ':name $$ $1 %s', '\\q', '.quit']
const NEXT_PASSWORD = 'another horse battery'
const skip = (await installDjango(t)) ?? false

/** What a table lacks, as options of the export. */
const OPTIONS: Record<Model, readonly string[]> = {
  'auth.User': ['--table', 'auth_user'],
  'shop.Customer': [
    ...['--table', 'shop_customer', '--username-column', 'email', '--username-length', '254'],
    ...['--columns', 'last_login,is_superuser', '--set', 'locale=en'],
  ],
  'Authentication_Token_App.UserLogin': [
    '--table',
    'Authentication_Token_App_userlogin',
    '--columns',
    'last_login,is_superuser,is_active,is_staff',
  ],
}

type Hash = readonly [password: string | null, hash: string]
let hashes: Promise<readonly Hash[]> | undefined

/** A hash of each kind. Made once, for Django takes seconds for them. */
function everyHash(t: Test): Promise<readonly Hash[]> {
  hashes ??= new Django(t, 'auth.User').tool('hashes')
  return hashes
}

/** Makes the tables and the users of a project; two where their kinds of hashes do not matter. */
async function fill(t: Test, django: Django, count?: 2): Promise<DjangoUser[]> {
  return django.tool('make', (await everyHash(t)).slice(0, count))
}

/** Users come, log in, change, and go back. */
async function thereAndBack(t: Test, model: Model, makeDatabase?: MakeDatabase): Promise<void> {
  const scenario = await Scenario.begin(t, model, makeDatabase)
  const users = await fill(t, scenario.django)
  await t.test('an import brings all users with their ids, and a dry run says so before', (t) => comes(t, scenario, users))
  const service = await scenario.serve(daysFromNow(1))
  await t.test('each logs in with the old password, and has a hash of ours afterwards, but where bcrypt has read only its beginning', (t) =>
    logsIn(t, scenario, users, service),
  )
  await t.test('what is changed here is brought to Django, which takes all passwords', (t) => goesBack(t, scenario, users, service))
}

async function comes(t: Test, scenario: Scenario, users: readonly DjangoUser[]): Promise<void> {
  const dry = await scenario.import()
  t.same(await scenario.users(), [])
  const { rows, users: counts } = await scenario.import('--commit')
  t.same({ rows, counts }, { rows: dry.rows, counts: dry.users })
  t.equal(counts.read, users.length)
  const reasons = Object.fromEntries(rows.map(({ id, reasons }) => [id, reasons]))
  const nobodys = users.filter(({ password }) => password === null).map(({ id }) => reasons[id])
  t.same(nobodys, [['hash_unknown'], ['hash_unusable']])
  const here = (await scenario.users()).map(({ id, username, password, is_active }) => ({
    id,
    name: username,
    hash: password,
    active: is_active === 1,
  }))
  t.same(
    here,
    users.map(({ id, name, hash, active }) => ({ id, name, hash, active })),
  )
}

async function logsIn(t: Test, scenario: Scenario, users: readonly DjangoUser[], service: Service): Promise<void> {
  t.equal((await logIn(service, users[0]?.name as string, 'no horse battery')).status, 401)
  for (const { name, password, active, hash } of users) {
    t.equal((await logIn(service, name, password ?? '')).status, password === null ? 400 : active ? 200 : 401, hash)
  }
  for (const { id, password } of await scenario.users()) {
    const user = users.find((user) => user.id === id) as DjangoUser
    if (isRehashed(user)) t.match(password, /^\$argon2id\$/, user.hash)
    else t.equal(password, user.hash)
    if (user.password !== null && user.active) t.equal((await logIn(service, user.name, user.password)).status, 200, `${user.hash}, again`)
  }
}

function isRehashed(user: DjangoUser): boolean {
  return user.password !== null && user.active && !isReadInPart(user)
}

/** Whether the hash tells nothing of the end of the password, which some versions of Django's bcrypt take and others do not. */
function isReadInPart({ hash, password }: DjangoUser): boolean {
  return hash.startsWith('bcrypt$') && Buffer.byteLength(password ?? '') >= 72
}

async function goesBack(t: Test, scenario: Scenario, users: readonly DjangoUser[], service: Service): Promise<void> {
  const { django } = scenario
  const [first, second, third, fourth, fifth, sixth] = users as unknown as [
    DjangoUser,
    DjangoUser,
    DjangoUser,
    DjangoUser,
    DjangoUser,
    DjangoUser,
  ]
  await changePassword(t, service, first)
  const commands = [
    ['rename', second.name, 'between'],
    ['rename', third.name, second.name],
    ['rename', 'between', third.name],
    ['disable', fourth.name],
    ['promote', '--superuser', fifth.name],
    ['delete', sixth.name],
  ]
  for (const args of commands) t.match(await scenario.latchkey('users', ...args), { code: 0, stderr: '' }, args.join(' '))
  const newcomers = [sixth.name, ...ODD_NAMES]
  for (const username of newcomers) {
    t.equal((await postTo(`${service.url}/api/users/`, { username, password: NEXT_PASSWORD })).status, 201, username)
  }
  const ids = (await scenario.users()).slice(-newcomers.length).map(({ id }) => id)
  t.ok((ids[0] as number) > (users.at(-1)?.id as number) + 1, 'the id of the user who was deleted there last is not given again')

  const before = await django.tool<object[]>(
    'check',
    users.map(({ id }) => ({ id, password: null })),
  )
  await bringBack(t, scenario)
  const hasActive = django.model !== 'shop.Customer'
  const expected: Record<number, object> = {
    [first.id]: { algorithm: 'argon2' },
    [second.id]: { name: third.name },
    [third.id]: { name: second.name },
    [fourth.id]: hasActive ? { active: false } : { usable: false, accepted: false, algorithm: null },
    [fifth.id]: { superuser: true },
    [sixth.id]: { name: /^deleted-/, usable: false, accepted: false, algorithm: null, active: !hasActive },
  }
  const wanted = before.map((row, index) => {
    const user = users[index] as DjangoUser
    const accepted = isReadInPart(user) ? Boolean : user.password !== null
    return { ...row, accepted, ...(isRehashed(user) && { algorithm: 'argon2' }), ...expected[user.id] }
  })
  const typed = users.map((user) => (user === first ? { ...user, password: NEXT_PASSWORD } : user))
  t.match(await django.tool('check', typed), wanted)
  t.match(
    await django.tool(
      'check',
      ids.map((id) => ({ id, password: NEXT_PASSWORD })),
    ),
    newcomers.map((name) => ({ name, accepted: true, algorithm: 'argon2', active: true, superuser: false })),
  )
  t.equal(await django.tool('create', 'next'), Math.max(...ids) + 1, 'the next user there has an id that nobody has had here')
}

async function changePassword(t: Test, service: Service, { name, password }: DjangoUser): Promise<void> {
  const { access } = await logIn(service, name, password as string)
  const body = { current_password: password, new_password: NEXT_PASSWORD }
  const answer = await postTo(`${service.url}/api/users/me/password/`, body, { authorization: `Bearer ${access}` })
  t.equal(answer.status, 200)
}

/** By `psql`, or by Python's own `sqlite3`. */
async function bringBack(t: Test, scenario: Scenario): Promise<void> {
  const { django, isOnServer } = scenario
  const dialect = isOnServer ? 'postgres' : 'sqlite'
  const { code, stdout, stderr } = await scenario.latchkey('export', 'django', '--dialect', dialect, ...OPTIONS[django.model])
  t.strictSame({ code, stderr }, { code: 0, stderr: '' })
  if (!isOnServer) return void (await django.tool('apply', stdout))
  const url = django.databaseUrl as string
  await succeed('psql', ['-q', '-v', 'ON_ERROR_STOP=1', url], { cwd: django.place, env: django.env }, stdout)
}

for (const model of ['auth.User', 'shop.Customer'] as const) {
  t.test(`${model} on SQLite: users move here, log in, and move back`, { skip }, (t) => thereAndBack(t, model))
}

const hasServer = existsSync('/usr/lib/postgresql')
t.test('both on PostgreSQL', { skip: skip || (!hasServer && 'there is no PostgreSQL') }, async (t) => {
  const { startServer } = await import('./postgres/server.ts')
  const server = await startServer(t)
  for (const model of ['auth.User', 'shop.Customer'] as const) {
    await t.test(`${model}: users move here, log in, and move back`, (t) => thereAndBack(t, model, (name) => server.makeDatabase(name)))
  }
})

t.test('live tokens of Simple JWT are taken until the day that is set, and no longer; dead ones never', { skip }, async (t) => {
  const scenario = await Scenario.begin(t, 'auth.User')
  const { django } = scenario
  const users = await fill(t, django, 2)
  const [first, second] = users as unknown as [DjangoUser, DjangoUser]
  const made: Record<string, readonly Pair[]> = {}
  for (const version of ['5.4.0', '5.5.1'] as const) {
    const wanted = [{ id: first.id }, { id: first.id, dead: true }, { id: first.id }]
    made[version] = await django.tokens(wanted, version)
    made[`${version}, which know the password`] = await django.tokens(wanted, version, { CHECK_REVOKE_TOKEN: true })
  }
  const stale = await django.tokens([{ id: second.id }], '5.5.1', { CHECK_REVOKE_TOKEN: true })
  t.equal((await scenario.import('--commit')).revoked_tokens, 4)

  const service = await scenario.serve(daysFromNow(1))
  for (const [version, pairs] of Object.entries(made)) {
    const [live, dead] = pairs as readonly [Pair, Pair]
    for (const [path, token, status] of [
      ['verify', live.access, 200],
      ['verify', live.refresh, 200],
      ['refresh', live.refresh, 200],
      ['refresh', live.access, 401],
      ['verify', dead.refresh, 401],
      ['refresh', dead.refresh, 401],
    ] as const) {
      t.equal(await statusOf(service, path, token), status, `${version}: ${path}`)
    }
  }
  await changePassword(t, service, second)
  for (const { refresh, access } of stale) {
    t.same([await statusOf(service, 'refresh', refresh), await statusOf(service, 'verify', access)], [401, 401], 'after another password')
  }
  await service.stop()

  const later = await scenario.serve(daysFromNow(-1))
  for (const [version, [, , unused]] of Object.entries(made)) {
    const { refresh, access } = unused as Pair
    t.same([await statusOf(later, 'refresh', refresh), await statusOf(later, 'verify', access)], [401, 401], `${version}, after that day`)
  }
})

t.test('lines of dumpdata bring the same users and dead tokens as the database does', { skip }, async (t) => {
  const scenario = await Scenario.begin(t, 'auth.User')
  const { django } = scenario
  const [first] = await fill(t, django, 2)
  await django.tokens([{ id: first?.id as number, dead: true }], '5.5.1')
  await django.tool('dump')
  await scenario.import('--commit')
  const url = `file:${join(folder(t), 'latchkey.db')}`
  await (await openDatabase(url)).close()
  const { code } = await runShared({ DATABASE_URL: url }, 'cli.ts', 'import', 'django', join(django.place, 'users.jsonl'), '--commit')
  t.equal(code, 0)
  t.same(await contentOf(url), await contentOf(scenario.url))
})

/** Without the times of the import. */
async function contentOf(url: string): Promise<object> {
  const db = await openDatabase(url)
  try {
    const users = await db.read.selectFrom('users').selectAll().orderBy('id').execute()
    const dead = await db.read.selectFrom('legacy_tokens').select(['jti', 'user_id', 'session_id']).execute()
    return { users: users.map(({ changed_at: _, imported_at: __, ...user }) => user), dead }
  } finally {
    await db.close()
  }
}

t.test('a Django service takes the access tokens of Latchkey, by its published keys or by the shared secret', { skip }, async (t) => {
  const scenario = await Scenario.begin(t, 'auth.User')
  const { django } = scenario
  const [user] = (await fill(t, django, 2)) as unknown as [DjangoUser]
  await scenario.import('--commit')
  const ways = {
    'the published keys': {
      env: {},
      trusting: (url: string) => ({ ALGORITHM: 'ES256', SIGNING_KEY: '', JWK_URL: `${url}/.well-known/jwks.json` }),
    },
    'the shared secret': { env: { JWT_ALGORITHM: 'HS256', JWT_SECRET: SECRET_KEY }, trusting: () => ({}) },
  }
  for (const [way, { env, trusting }] of Object.entries(ways)) {
    const service = await scenario.serve(daysFromNow(1), env)
    const { body } = await postTo(`${service.url}/api/token/`, { username: user.name, password: user.password })
    const { access, refresh } = body as Pair
    t.same(await asked(django, [access, refresh, `${access}A`], trusting(service.url)), [user.id, 'refused', 'refused'], way)
    await service.stop()
  }
})

async function asked(django: Django, tokens: readonly string[], simpleJwt: object): Promise<unknown> {
  const [newer, older] = [await django.tool('authenticate', tokens, simpleJwt), await django.tool('authenticate', tokens, simpleJwt, true)]
  return JSON.stringify(newer) === JSON.stringify(older) ? newer : [newer, older]
}

t.test('the commands of docs/moving-from-django.md work as they stand', { skip }, async (t) =>
  runGuide(t, (await everyHash(t)).slice(0, 2)),
)
