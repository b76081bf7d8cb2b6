import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, copyFileSync, mkdirSync, renameSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import SQLite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { openDatabase } from '../../db/open.ts'
import { PASSWORD, unavailable } from '../helper.ts'
import { bare, folder, postTo, ROOT, run, type Service, start, startInVain } from '../server/process.ts'
import { disk, failingDisk, failNow, fill, makeReadOnly, needsFailing, needsMount, unmount } from './mount.ts'

/** Longer than an answer of readiness is good for, and than the service waits between two looks, in milliseconds. */
const A_WHILE_MS = 2500
const created = { status: 201, body: { message: 'User created successfully' } }
const ready = { status: 200, body: { status: 'ok' } }

const register = ({ url }: Service, username: string) => postTo(`${url}/api/users/`, { username, password: PASSWORD })
const logIn = ({ url }: Service, username: string) => postTo(`${url}/api/token/`, { username, password: PASSWORD })

async function health({ url }: Service, kind: 'ready' | 'live') {
  const answer = await fetch(`${url}/health/${kind}`)
  return { status: answer.status, body: await answer.json() }
}

/** A service with one user, in a folder of its own. */
async function serving(t: Test, dir = join(folder(t), 'data')) {
  const file = join(dir, 'latchkey.db')
  const env = { DATABASE_URL: `file:${file}`, LOG_LEVEL: 'info' }
  const service = await start(t, env)
  t.same(await register(service, 'alice'), created)
  return { dir, file, env, service }
}

/** The messages of its errors. */
function errors(service: Service): string[] {
  const lines = service.output().split('\n').filter(Boolean)
  return lines
    .map((line) => JSON.parse(line))
    .filter(({ level }) => level >= 50)
    .map(({ msg }) => msg)
}

/** All that needs the database is 503, and one line says why. */
async function isLost(t: Test, service: Service, why: RegExp): Promise<void> {
  t.same(await register(service, 'bob-the-builder'), unavailable, 'not even the first write is lost')
  t.same(await health(service, 'ready'), unavailable)
  await sleep(A_WHILE_MS)
  t.same(await health(service, 'ready'), unavailable)
  t.same(await logIn(service, 'alice'), unavailable)
  t.same(await health(service, 'live'), ready)
  t.match(errors(service), [why])
}

async function startsAgain(t: Test, service: Service, env: Record<string, string>): Promise<void> {
  t.match(await service.stop(), { code: 0 })
  const again = await start(t, env)
  t.same(await health(again, 'ready'), ready)
  t.equal((await logIn(again, 'alice')).status, 200)
}

t.test('a database that is deleted is 503 and an error line until the restart, also when its file comes back', async (t) => {
  const { file, env, service } = await serving(t)
  copyFileSync(file, `${file}.empty`)
  renameSync(file, `${file}.away`)
  await isLost(t, service, /^the database is lost: .*latchkey\.db was deleted or moved/)
  renameSync(`${file}.away`, file)
  await isLost(t, service, /^the database is lost: .*latchkey\.db was deleted or moved/)
  await startsAgain(t, service, env)
})

t.test('a database that is replaced by a backup is 503 and an error line until the restart, which serves the backup', async (t) => {
  const { file, env, service } = await serving(t)
  const sqlite = new SQLite(file, { readonly: true })
  await sqlite.backup(`${file}.backup`)
  sqlite.close()
  t.same(await register(service, 'carol-the-cat'), created)
  renameSync(`${file}.backup`, file)
  await isLost(t, service, /^the database is lost: .*latchkey\.db was replaced by another file/)
  await service.stop()
  for (const rest of ['-wal', '-shm']) execFileSync('rm', ['-f', `${file}${rest}`])
  const again = await start(t, env)
  t.equal((await logIn(again, 'alice')).status, 200)
  t.equal((await logIn(again, 'carol-the-cat')).status, 401)
})

t.test('a write-ahead log that is deleted is 503 and an error line until the restart, which has all that was answered', async (t) => {
  const { file, env, service } = await serving(t)
  unlinkSync(`${file}-wal`)
  await isLost(t, service, /^the database is lost: .*latchkey\.db-wal was deleted or moved/)
  await startsAgain(t, service, env)
})

t.test('a folder that is moved away is 503 and an error line until the restart', async (t) => {
  const { dir, env, service } = await serving(t)
  renameSync(dir, `${dir}-old`)
  await isLost(t, service, /^the database is lost: .*latchkey\.db was deleted or moved/)
  renameSync(`${dir}-old`, dir)
  await startsAgain(t, service, env)
})

t.test('a volume that is unmounted is 503 and an error line', needsMount, async (t) => {
  const { dir, service } = await serving(t, disk(t))
  unmount(dir)
  await isLost(t, service, /^the database is lost: .*latchkey\.db was deleted or moved/)
})

t.test('a disk that fails and becomes read-only is not ready, and reads go on', needsFailing, async (t) => {
  const { dir, service } = await serving(t, failingDisk(t))
  const { access } = (await logIn(service, 'alice')).body as Record<string, string>
  t.same(await health(service, 'ready'), ready)
  failNow(dir)
  await sleep(A_WHILE_MS)
  t.same(await health(service, 'ready'), unavailable)
  t.same(await register(service, 'bob-the-builder'), unavailable)
  t.same(await postTo(`${service.url}/api/token/verify/`, { token: access }), { status: 200, body: {} })
  t.same(await health(service, 'live'), ready)
  t.match(await service.stop(), { code: 0 })
})

/** What keeps another user, or everybody, from writing a database that root has made. */
const DENIALS: readonly [name: string, deny: (file: string, dir: string) => void, said: string][] = [
  [
    'a file of somebody else',
    (_, dir) => chmodSync(dir, 0o777),
    'DIR/latchkey.db: this user may not use it (EACCES); SQLite says SQLITE_READONLY',
  ],
  [
    'a folder of somebody else',
    (file) => chownSync(file, NOBODY, NOBODY),
    'DIR: this user may not use it (EACCES); SQLite says SQLITE_READONLY_DIRECTORY',
  ],
  ['a write-ahead log of somebody else', foreignLog, 'DIR/latchkey.db-wal: this user may not use it (EACCES); SQLite says SQLITE_CANTOPEN'],
  ['a folder that may not be searched', (_, dir) => chmodSync(dir, 0o700), 'DIR/latchkey.db: this user may not use it (EACCES)'],
]
const NOBODY = 65534

function foreignLog(file: string, dir: string): void {
  chmodSync(dir, 0o777)
  chownSync(file, NOBODY, NOBODY)
  execFileSync('install', ['-m', '600', '/dev/null', `${file}-wal`])
}

const needsRoot = process.getuid?.() === 0 ? {} : { skip: 'needs root, to start as another user' }
for (const [name, deny, said] of DENIALS) {
  t.test(`${name} ends the start with one line that names it and the cause`, needsRoot, async (t) => {
    const dir = join(folder(t), 'data')
    chmodSync(join(dir, '..'), 0o755)
    mkdirSync(dir)
    const file = join(dir, 'latchkey.db')
    await (await openDatabase(`file:${file}`)).close()
    deny(file, dir)
    // Only opening the database runs as another user: the project's own files may be closed to it.
    const script = `process.setgid(${NOBODY}); process.setuid(${NOBODY}); await import('${ROOT}/server.ts')`
    const end = await startInVain(t, { DATABASE_URL: `file:${file}` }, bare(process.execPath, '--input-type=module', '-e', script))
    t.equal(end.code, 1)
    t.equal(end.stderr.replaceAll(dir, 'DIR'), `latchkey cannot start: DATABASE_URL: cannot use the database: ${said}\n`)
  })
}

t.test('commands that only read do their work beside a service on a full disk', needsMount, async (t) => {
  const { dir, env, service } = await serving(t, disk(t))
  fill(`${dir}/ballast`)
  for (let i = 0; (await register(service, `user-${i}`)).status === 201; i++);
  for (const command of [['events'], ['keys', 'list'], ['clients', 'list']]) {
    t.match(await run(t, env, bare(process.execPath, 'cli.ts', ...command)), { code: 0, stderr: '' })
  }
})

t.test('on a read-only disk a command says so in one line', needsMount, async (t) => {
  const { dir, env, service } = await serving(t, disk(t))
  t.match(await service.stop(), { code: 0 })
  makeReadOnly(dir)
  const refused = await run(t, env, bare(process.execPath, 'cli.ts', 'events'))
  t.equal(refused.code, 1)
  t.match(refused.stderr, /^latchkey: DATABASE_URL: cannot use the database: \S+: the file system is mounted read-only \(EROFS\).*\n$/)
})
