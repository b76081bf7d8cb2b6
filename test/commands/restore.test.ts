// Not on PostgreSQL: all but the last are about files, and that one runs once, beside these.
import { chmodSync, linkSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import SQLite from 'better-sqlite3'
import t from 'tap'
import { copiesOf, openDatabase } from '../../db/open.ts'
import { newPlace, openAt, skipped } from '../db/moving/places.ts'
import { fillWithSample, highestIds } from '../db/moving/sample.ts'
import { claimsOf, PASSWORD } from '../helper.ts'
import { serve } from '../server/in-process.ts'
import { folder, postTo } from '../server/process.ts'
import { runShared } from '../server/shared-process.ts'
import { databaseFile, latchkey } from './latchkey.ts'
import { add, beside, LOGGED, logAlone, namesIn, spoil, sql, withBackup } from './restoring.ts'

type Pair = { access: string; refresh: string }

const register = (url: string, username: string) => postTo(`${url}/api/users/`, { username, password: PASSWORD })
const logIn = async (url: string, username: string) => (await postTo(`${url}/api/token/`, { username, password: PASSWORD })).body as Pair
const verify = (url: string, token: string) => postTo(`${url}/api/token/verify/`, { token })
const refresh = (url: string, token: string) => postTo(`${url}/api/token/refresh/`, { refresh: token })

const REMARK =
  'latchkey: users, passwords and clients are as they were then: disable, demote, change and revoke again what was since the backup\n'

t.test(
  'after restore no token of before is good, neither of the backup nor of the lost time, and ids of that are not given again',
  async (t) => {
    const file = await databaseFile(t)
    const env = { DATABASE_URL: `file:${file}`, PUBLIC_URL: 'https://auth.example.com' }
    const first = await serve(t, env)
    await register(first.url, 'alice')
    const [kept, ended] = [await logIn(first.url, 'alice'), await logIn(first.url, 'alice')]
    const backup = join(folder(t), 'latchkey.backup')
    t.match(await latchkey(env.DATABASE_URL, 'backup', backup), { code: 0 })
    await postTo(`${first.url}/api/token/blacklist/`, { refresh: ended.refresh })
    t.match(await refresh(first.url, kept.refresh), { status: 200 })
    await register(first.url, 'bob')
    const lost = [await logIn(first.url, 'alice'), await logIn(first.url, 'bob')]
    await first.close()

    const { stdout, stderr, code } = await latchkey(env.DATABASE_URL, 'restore', backup, '--json')
    t.strictSame({ code, stderr }, { code: 0, stderr: REMARK })
    const { replaced, ...said } = JSON.parse(stdout)
    t.strictSame(said, { database: file, ended_sessions: 2, retired_keys: 3, next_user_id: 1_000_002 })
    t.match(replaced, /latchkey\.db\.replaced-\d{8}T\d{6}Z$/)
    t.strictSame(beside(file), [basename(replaced)])
    t.strictSame([namesIn(file), namesIn(replaced)], [['alice'], ['alice', 'bob']])

    const { url } = await serve(t, env)
    const body = { code: 'token_not_valid', detail: 'Token is invalid or expired' }
    for (const { access, refresh: token } of [kept, ended, ...lost]) {
      t.match([await verify(url, access), await verify(url, token), await refresh(url, token)], Array(3).fill({ status: 401, body }))
    }
    await register(url, 'carol')
    t.equal(claimsOf((await logIn(url, 'carol')).access).user_id, 1_000_002)
    const { access } = await logIn(url, 'alice')
    t.match(await verify(url, access), { status: 200 })
  },
)

t.test('a damaged database is replaced, and kept as it is', async (t) => {
  const { file, backup } = await withBackup(t)
  spoil(file)
  const before = readFileSync(file)
  const { replaced } = restored(await latchkey(`file:${file}`, 'restore', backup, '--json'))
  t.strictSame(namesIn(file), ['then'])
  t.ok(readFileSync(replaced).subarray(4096).equals(before.subarray(4096)))
})

const restored = ({ stdout }: { stdout: string }) => JSON.parse(stdout) as { database: string; replaced: string; next_user_id: number }

t.test('what was replaced can be restored itself, with what its killed service had only written to the log', async (t) => {
  const { file, backup } = await withBackup(t)
  add(file, 'last')
  logAlone(file, LOGGED)
  const { replaced } = restored(await latchkey(`file:${file}`, 'restore', backup, '--json'))
  t.strictSame([namesIn(file), namesIn(replaced)], [['then'], ['now', 'last', 'logged']])
  const again = restored(await latchkey(`file:${file}`, 'restore', replaced, '--json'))
  t.strictSame([namesIn(file), namesIn(again.replaced)], [['now', 'last', 'logged'], ['then']])
  t.equal(new Set(beside(file)).size, 2)
})

t.test('ids go on after the highest of the database that is replaced', async (t) => {
  const { file, backup } = await withBackup(t)
  sql(file, "update sqlite_sequence set seq = 5000000 where name = 'users'")
  t.match(restored(await latchkey(`file:${file}`, 'restore', backup, '--json')), { next_user_id: 5_000_001 })
})

t.test('the restored database is let in by the same people, and found by the same link', async (t) => {
  const { file, backup } = await withBackup(t)
  chmodSync(file, 0o640)
  const link = join(folder(t), 'link.db')
  symlinkSync(file, link)
  const { database, replaced } = restored(await latchkey(`file:${link}`, 'restore', backup, '--json'))
  t.strictSame([database, dirname(replaced)], [file, dirname(file)])
  t.equal(statSync(file).mode & 0o777, 0o640)
  t.strictSame(namesIn(link), ['then'])
})

t.test('where there is no database the backup becomes one, for its user alone', async (t) => {
  const { backup } = await withBackup(t)
  const file = join(folder(t), 'data/latchkey.db')
  const { code, stdout } = await latchkey(`file:${file}`, 'restore', backup)
  t.equal(code, 0)
  t.match(stdout, /^database +replaced +ended_sessions +retired_keys +next_user_id\n\S+ +- +0 +0 +1000002\n$/)
  t.strictSame([namesIn(file), beside(file), statSync(file).mode & 0o777], [['then'], [], 0o600])
})

t.test('a service that makes a database while one is restored there goes on, and nothing is restored', async (t) => {
  const { backup } = await withBackup(t)
  const file = join(folder(t), 'latchkey.db')
  const start = async () => {
    const db = await openDatabase(`file:${file}`)
    t.teardown(() => db.close())
    return db
  }
  let started: ReturnType<typeof start> | undefined
  const prepare = () => {
    started = start()
    return started
  }
  const options = { at: Date.now(), prepare, tell: () => {}, signal: new AbortController().signal }
  await t.rejects(copiesOf(`file:${file}`)?.restore(backup, options) as Promise<unknown>, { name: 'Error', message: /EEXIST/ })
  await t.resolves((await started)?.check() as Promise<void>)
  t.strictSame(namesIn(file), [])
})

t.test('who has just opened the file that is replaced opens the one in its place', async (t) => {
  const { file, backup } = await withBackup(t)
  const { pragma } = SQLite.prototype
  t.teardown(() => Object.assign(SQLite.prototype, { pragma }))
  let isReplaced = false
  SQLite.prototype.pragma = function (this: SQLite.Database, ...args) {
    if (args[0] === 'schema_version' && !isReplaced) {
      isReplaced = true
      renameSync(backup, file)
    }
    return pragma.apply(this, args)
  }
  const db = await openDatabase(`file:${file}`)
  t.teardown(() => db.close())
  t.ok(isReplaced)
  t.same(await db.write((handle) => handle.selectFrom('users').select('username').execute()), [{ username: 'then' }])
})

t.test('what a killed restore has left is removed by the next one', async (t) => {
  const { file, backup } = await withBackup(t)
  writeFileSync(`${file}.restoring-12345678`, 'half')
  writeFileSync(`${file}.restoring-12345678-wal`, 'half')
  linkSync(file, `${file}.replaced-20260101T000000Z`)
  writeFileSync(`${file}.replaced-20250101T000000Z`, 'of before')
  const { replaced } = restored(await latchkey(`file:${file}`, 'restore', backup, '--json'))
  t.strictSame(beside(file).sort(), [`${basename(file)}.replaced-20250101T000000Z`, basename(replaced)])
})

t.test('restore --finish does the same to a file that was put there by other means', async (t) => {
  const { file } = await withBackup(t)
  t.strictSame(await latchkey(`file:${file}`, 'restore', '--finish', '--json'), {
    code: 0,
    signal: null,
    stdout: `${JSON.stringify({ ended_sessions: 0, retired_keys: 0, next_user_id: 1_000_002 })}\n`,
    stderr: REMARK,
  })
  t.strictSame(beside(file), [])
})

t.test('restore --finish does the same on PostgreSQL', skipped, async (t) => {
  const { url, schema } = newPlace(t, 'postgres')
  const db = await openAt(t, { url, schema })
  await fillWithSample(db)
  const { code, stdout, stderr } = await runShared(
    { DATABASE_URL: url, DATABASE_SCHEMA: schema },
    'cli.ts',
    'restore',
    '--finish',
    '--json',
  )
  t.strictSame({ code, stderr }, { code: 0, stderr: REMARK })
  t.match(JSON.parse(stdout), { retired_keys: 1, next_user_id: highestIds.users + 1_000_001 })
  t.same(await db.read.selectFrom('signing_keys').select('kid').where('retired_at', 'is', null).execute(), [])
})
