import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import SQLite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { PASSWORD, unavailable } from '../helper.ts'
import { folder, postTo, start, startInVain } from '../server/process.ts'

const SIZE = '2m'
const created = { status: 201, body: { message: 'User created successfully' } }

/** Whether a file system can be mounted here: that takes root, and a machine that allows it. */
function canMount(): boolean {
  try {
    const place = '/tmp/latchkey-mount'
    mkdirSync(place, { recursive: true })
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', place], { stdio: 'ignore' })
    execFileSync('umount', [place], { stdio: 'ignore' })
    rmSync(place, { recursive: true })
    return true
  } catch {
    return false
  }
}

const needsMount = canMount() ? {} : { skip: 'no file system can be mounted here' }

/** A small file system, which is unmounted after the test. */
function disk(t: Test): string {
  const place = `${folder(t)}/disk`
  mkdirSync(place)
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', place])
  t.teardown(() => execFileSync('umount', ['--lazy', place]))
  return place
}

/** Fills the file system with one file; without that file it has space again. */
function fill(file: string): void {
  const chunk = Buffer.alloc(4096)
  try {
    for (let all = chunk; ; all = Buffer.concat([all, chunk])) writeFileSync(file, all)
  } catch {
    // The file system is full. What was written stays.
  }
}

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
  t.equal((await fetch(`${service.url}/health/ready`)).status, 200)

  rmSync(`${place}/ballast`)
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
  t.match(end.stderr, /^latchkey cannot start: DATABASE_URL\b/)
  t.equal(end.stderr.trimEnd().split('\n').length, 1, end.stderr)
})

t.test('a disk that is read-only at the start ends it with one line that names the setting', needsMount, async (t) => {
  const place = disk(t)
  const env = { DATABASE_URL: `file:${place}/latchkey.db` }
  const service = await start(t, env)
  t.match(await service.stop(), { code: 0 })
  execFileSync('mount', ['-o', 'remount,ro', place])
  const end = await startInVain(t, env)
  t.equal(end.code, 1)
  t.match(end.stderr, /^latchkey cannot start: DATABASE_URL\b/)
  t.equal(end.stderr.trimEnd().split('\n').length, 1, end.stderr)
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
