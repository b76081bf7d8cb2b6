// An import is killed again and again, and then run to its end: what is there then is what one import alone has brought.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import type { Database } from '../../db/database.ts'
import { countImported } from '../../db/imported-users.ts'
import { openDatabase } from '../../db/open.ts'
import { listPasswordKinds } from '../../db/password-kinds.ts'
import { lastUserId } from '../../db/user-ids.ts'
import { djangoFile } from '../commands/django-file.ts'
import { DJANGO_TABLES } from '../commands/django-server.ts'
import { bare, environment, folder, ROOT, run } from '../server/process.ts'
import { type Server, startServer } from './postgres/server.ts'

const USERS = 5000
const KILLS = 3

/** A database of Django's, and how SQL changes it. */
interface Django {
  readonly env: Readonly<Record<string, string>>
  readonly args: readonly string[]
  change(sql: string): Promise<void>
}

/** Users of whom some are peculiar, and some tokens. The numbers come from a function that both databases have under this name. */
const FILL = `
  insert into auth_user (id, username, password, is_superuser, is_staff, is_active, email, first_name, last_name, last_login, date_joined)
    with recursive n(i) as (select 1 union all select i + 1 from n where i < ${USERS})
    select i, case i % 100 when 0 then ' user-' || (i - 1) when 1 then 'USER-' || (i + 1) when 2 then 'user-' || i || ' ' else 'user-' || i end,
      case i % 5 when 0 then '!' when 1 then 'md5$a$b' else 'pbkdf2_sha256$' || (1000 + i % 3) || '$salt$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=' end,
      i % 500 = 0, i % 100 = 0, i % 7 <> 0, 'user-' || i || '@example.com', '', '', null, '2025-01-02 03:04:05.678901' from n;
  insert into token_blacklist_outstandingtoken (id, token, expires_at, user_id, jti)
    select id, '', '2999-01-01 00:00:00', id, 'token-' || id from auth_user where id % 4 = 0;
  insert into token_blacklist_blacklistedtoken (blacklisted_at, token_id)
    select '2026-01-01 00:00:00', id from token_blacklist_outstandingtoken;
  delete from auth_user where id = ${USERS} and id not in (select user_id from token_blacklist_outstandingtoken);`

/** What happens before the second import: users are disabled, given other hashes, renamed, and swap names. */
const CHANGE = `
  update auth_user set is_active = not is_active where id % 3 = 0;
  update auth_user set password = '!' where id % 11 = 0;
  update auth_user set username = 'moving-' || id where id % 50 in (4, 5);
  update auth_user set username = 'user-' || (id + 1) where id % 50 = 4;
  update auth_user set username = 'user-' || (id - 1) where id % 50 = 5;
  update auth_user set username = 'renamed-' || id where id % 10 = 6;
  update auth_user set username = 'user-' || (id + 1 - 2) where id % 1000 = 7;`

function command({ args }: Django): string[] {
  return [...bare(process.execPath, 'cli.ts'), 'import', 'django', ...args, '--commit', '--json']
}

async function importWhole(t: Test, url: string, django: Django): Promise<unknown> {
  const [program = '', ...args] = command(django)
  const { code, stdout, stderr } = await run(t, { DATABASE_URL: url, ...django.env }, [program, ...args])
  t.strictSame({ code, stderr }, { code: 3, stderr: '' })
  // Of twins the first one has none yet when it is brought in, but is one when the import runs again.
  const { folded_twin, ...reasons } = (JSON.parse(stdout) as { reasons: Record<string, number> }).reasons
  return reasons
}

/** Kills an import with -9 when it has written some users more. Resolves to whether it was still running. */
async function killImport(url: string, db: Database, django: Django): Promise<boolean> {
  const [program = '', ...args] = command(django)
  const child = spawn(program, args, { cwd: ROOT, env: environment({ DATABASE_URL: url, ...django.env }), stdio: 'ignore' })
  const gone = once(child, 'exit')
  const before = await written(db)
  while (child.exitCode === null && (await written(db)) < before + USERS / 10) await new Promise((resolve) => setTimeout(resolve, 10))
  const isRunning = child.exitCode === null
  child.kill('SIGKILL')
  await gone
  return isRunning
}

/** Grows with each transaction of an import. */
async function written({ read }: Database): Promise<number> {
  const last = await read
    .selectFrom('users')
    .select(({ fn }) => fn.max<number | null>('imported_at').as('at'))
    .executeTakeFirstOrThrow()
  const of = read.selectFrom('users').select(({ fn }) => fn.countAll<number>().as('rows'))
  const since = firstRun.get(read) ?? last.at ?? 0
  firstRun.set(read, since)
  return (await of.where('imported_at', '>', since).executeTakeFirstOrThrow()).rows
}

const firstRun = new WeakMap<object, number>()

/** All that an import writes, but when it did. */
async function contentOf({ read }: Database): Promise<unknown> {
  const users = await read.selectFrom('users').selectAll().orderBy('id').execute()
  return {
    users: users.map(({ changed_at, imported_at, tokens_revoked_at, ...user }) => ({
      ...user,
      isAsImported: changed_at === imported_at,
      isRevoked: tokens_revoked_at !== null,
    })),
    tokens: await read.selectFrom('legacy_tokens').selectAll().orderBy('jti').execute(),
    kinds: (await listPasswordKinds(read)).filter(({ users: count }) => count > 0).sort((a, b) => (a.kind < b.kind ? -1 : 1)),
    imported: await countImported(read),
    lastId: await lastUserId(read),
  }
}

async function outlivesKills(t: Test, django: Django, newDatabase: (name: string) => Promise<string>): Promise<void> {
  await django.change(FILL)
  const urls = await Promise.all(['once', 'killed'].map(newDatabase))
  const [once, killed] = await Promise.all(
    urls.map(async (url) => {
      const db = await openDatabase(url)
      t.teardown(() => db.close())
      return { url, db }
    }),
  )
  if (once === undefined || killed === undefined) return
  for (const state of ['new users', 'changed users']) {
    if (state === 'changed users') await django.change(CHANGE)
    const reasons = await importWhole(t, once.url, django)
    firstRun.delete(killed.db.read)
    let kills = 0
    while (kills < KILLS && (await killImport(killed.url, killed.db, django))) kills++
    t.ok(kills > 1, `${kills} imports of ${state} were killed`)
    t.strictSame(await importWhole(t, killed.url, django), reasons)
    t.strictSame(await contentOf(killed.db), await contentOf(once.db), state)
  }
}

t.test('an import from SQLite that is killed and run again ends as one that is not', async (t) => {
  const { django, source } = djangoFile(t)
  const place = folder(t)
  const change = async (sql: string) => django.exec(`begin; ${sql} commit`)
  await outlivesKills(t, { env: {}, args: [source], change }, async (name) => `file:${place}/${name}.db`)
})

t.test('an import that is interrupted says that the same command goes on from there, and has written whole transactions', async (t) => {
  const { django, source } = djangoFile(t)
  django.exec(FILL)
  const url = `file:${folder(t)}/latchkey.db`
  const db = await openDatabase(url)
  t.teardown(() => db.close())
  const [program = '', ...args] = command({ env: {}, args: [source], change: async () => {} })
  const child = spawn(program, args, { cwd: ROOT, env: environment({ DATABASE_URL: url }), stdio: ['ignore', 'ignore', 'pipe'] })
  const said = child.stderr.toArray()
  const gone = once(child, 'exit')
  while ((await written(db)) < 500) await new Promise((resolve) => setTimeout(resolve, 5))
  child.kill('SIGINT')
  t.strictSame(await gone, [1, null])
  t.equal(Buffer.concat(await said).toString(), 'latchkey: interrupted; what was done is done, and the same command goes on from there\n')
  t.ok((await countImported(db.read)) < USERS)
})

t.test('an import from PostgreSQL to PostgreSQL does, too', async (t) => {
  const server: Server = await startServer(t)
  const source = await server.makeDatabase('django')
  await server.sql(`set role latchkey; ${DJANGO_TABLES}`, 'django')
  const change = async (sql: string) => {
    await server.sql(sql, 'django')
  }
  await outlivesKills(t, { env: { DJANGO_DATABASE_URL: source }, args: [], change }, (name) => server.makeDatabase(name))
})
