import { readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import SQLite from 'better-sqlite3'
import t from 'tap'
import { PASSWORD, unavailable } from '../helper.ts'
import { bare, type Cleanup, folder, postTo, run, start, startInVain } from '../server/process.ts'
import { disk, fill, makeReadOnly, needsMount } from './mount.ts'

/** Longer than an answer of readiness is good for, in milliseconds. */
const A_WHILE_MS = 1100

const created = { status: 201, body: { message: 'User created successfully' } }

t.test('on a full disk writes are 503, reads work, nothing is lost, and writes work again once there is space', needsMount, async (t) => {
  const place = disk(t)
  const file = `${place}/latchkey.db`
  const service = await start(t, { DATABASE_URL: `file:${file}`, LOG_LEVEL: 'info', LIMITS: 'off' })
  const post = (path: string, body: unknown) => postTo(`${service.url}${path}`, body)
  const register = (username: string) => post('/api/users/', { username, password: PASSWORD })
  t.same(await register('alice'), created)
  const { access, refresh } = (await post('/api/token/', { username: 'alice', password: PASSWORD })).body as Record<string, string>
  fill(`${place}/ballast`)

  const answered = ['alice']
  const refused: string[] = []
  for (let i = 0; refused.length < 100 && i < 3000; i++) {
    const answer = await register(`user-${i}`)
    if (answer.status === 201) {
      answered.push(`user-${i}`)
      continue
    }
    if (refused.length === 0) t.same(answer, unavailable)
    if (answer.status !== 503) t.fail('neither 201 nor 503', answer)
    refused.push(`user-${i}`)
  }
  t.equal(refused.length, 100)
  const together = await Promise.all(refused.map((username) => register(username)))
  for (const answer of together) if (answer.status !== 201 && answer.status !== 503) t.fail('neither 201 nor 503', answer)
  t.same(await post('/api/token/verify/', { token: access }), { status: 200, body: {} })
  t.equal((await fetch(`${service.url}/health/live`)).status, 200)
  const readiness = async () => (await fetch(`${service.url}/health/ready`)).status
  t.equal(await readiness(), 503)
  await sleep(A_WHILE_MS)
  t.equal(await readiness(), 503)

  rmSync(`${place}/ballast`)
  await sleep(A_WHILE_MS)
  t.equal(await readiness(), 200)
  t.same(await register('later'), created)
  t.equal((await post('/api/token/refresh/', { refresh })).status, 200)
  t.match(await service.stop(), { code: 0, signal: null })
  const sqlite = new SQLite(file, { readonly: true })
  t.teardown(() => sqlite.close())
  const stored = new Set(sqlite.prepare('select username from users').pluck().all())
  t.same(
    answered.filter((username) => !stored.has(username)),
    [],
    'what was answered is there',
  )
  const done = together.filter(({ status }) => status === 201).length
  t.equal(stored.size, answered.length + done + 1, 'and nothing else')
  t.equal(sqlite.pragma('integrity_check', { simple: true }), 'ok')
})

t.test('a disk that is full at the start ends it with one line that names the setting', needsMount, async (t) => {
  const place = disk(t)
  fill(`${place}/ballast`)
  const end = await startInVain(t, { DATABASE_URL: `file:${place}/latchkey.db` })
  t.equal(end.code, 1)
  t.match(end.stderr, /^latchkey cannot start: DATABASE_URL: cannot use the database: \S+: the disk is full \(.*\n$/)
})

t.test('a disk that is read-only at the start ends it with one line that names the setting', needsMount, async (t) => {
  const place = disk(t)
  const env = { DATABASE_URL: `file:${place}/latchkey.db` }
  const service = await start(t, env)
  t.match(await service.stop(), { code: 0 })
  makeReadOnly(place)
  const end = await startInVain(t, env)
  t.equal(end.code, 1)
  t.match(
    end.stderr,
    /^latchkey cannot start: DATABASE_URL: cannot use the database: \S+: the file system is mounted read-only \(EROFS\).*\n$/,
  )
})

t.test('the service stops with code 0 on a full disk, and starts again with all that was answered', needsMount, async (t) => {
  const place = disk(t)
  const env = { DATABASE_URL: `file:${place}/latchkey.db` }
  const service = await start(t, env)
  for (let i = 0; i < 20; i++) await postTo(`${service.url}/api/users/`, { username: `user-${i}`, password: PASSWORD })
  fill(`${place}/ballast`)
  t.match(await service.stop(), { code: 0, signal: null })
  rmSync(`${place}/ballast`)
  const again = await start(t, env)
  for (let i = 0; i < 20; i++) {
    t.equal((await postTo(`${again.url}/api/token/`, { username: `user-${i}`, password: PASSWORD })).status, 200)
  }
})

/** Lines of 30 MB of users, as Django writes them: more than SQLite keeps in memory. */
function dumpOf(t: Cleanup): string {
  const file = `${folder(t)}/users.jsonl`
  const password = `pbkdf2_sha256$1000$salt$${'A'.repeat(43)}=`
  const fields = { password, last_login: null, is_superuser: false, is_staff: false, is_active: true, date_joined: null }
  const line = (pk: number) =>
    JSON.stringify({ model: 'auth.user', pk, fields: { username: `user-${pk}`, email: 'x'.repeat(1500), ...fields } })
  writeFileSync(file, Array.from({ length: 20_000 }, (_, index) => `${line(index + 1)}\n`).join(''))
  return file
}

t.test('an import without room for temporary files says so, and blames neither the lines nor the database', needsMount, async (t) => {
  const env = { DATABASE_URL: `file:${folder(t)}/latchkey.db`, SQLITE_TMPDIR: disk(t) }
  const cli = (...args: string[]) => run(t, env, bare(process.execPath, 'cli.ts', ...args))
  t.match(await cli('migrate'), { code: 0 })
  const stderr = 'latchkey: temporary files: the disk is full (SQLITE_FULL); SQLITE_TMPDIR names another folder for them\n'
  t.match(await cli('import', 'django', dumpOf(t), '--commit'), { code: 1, stdout: '', stderr })
})

t.test('a restore without room for its copy says so, and does not call the backup damaged', needsMount, async (t) => {
  const source = `${folder(t)}/latchkey.db`
  const service = await start(t, { DATABASE_URL: `file:${source}` })
  t.match(await service.stop(), { code: 0 })
  const place = disk(t)
  fill(`${place}/ballast`)
  const ballast = statSync(`${place}/ballast`).size
  // Just the copy: SQLite has to write more to take it for its own.
  truncateSync(`${place}/ballast`, ballast - statSync(source).size)
  const restored = await run(t, { DATABASE_URL: `file:${place}/latchkey.db` }, bare(process.execPath, 'cli.ts', 'restore', source))
  t.match(restored, { code: 1, stderr: /^latchkey: \S+\/latchkey\.db\.restoring-\w+: the disk is full \(.*\n$/ })
  t.same(readdirSync(place), ['ballast'], 'nothing is left')
})
