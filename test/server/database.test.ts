// Not on PostgreSQL: it is about SQLite's files.
import { copyFileSync, renameSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import SQLite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { build, logIn, PASSWORD, post, register, seen, type TestApp, unavailable } from '../helper.ts'
import { folder } from './process.ts'

interface Stored {
  readonly app: TestApp
  readonly file: string
  /** The connection that the app writes with. */
  readonly writer: SQLite.Database
}

/** An app on a file, and the connection that it writes with, on which a test can simulate a failing disk. */
async function onFile(t: Test): Promise<Stored> {
  const file = `${folder(t)}/latchkey.db`
  const opened = t.capture(SQLite.prototype, 'pragma', SQLite.prototype.pragma)
  const app = await build(t, { DATABASE_URL: `file:${file}` })
  const connections = opened().map(({ receiver }) => receiver as SQLite.Database)
  const writer = connections.find(({ open, readonly }) => open && !readonly) as SQLite.Database
  return { app, file, writer }
}

const credentials = (username: string) => ({ username, password: PASSWORD })
const ready = { status: 200, body: { status: 'ok' } }
const created = { status: 201, body: { message: 'User created successfully' } }

async function userCount({ app }: Stored): Promise<number> {
  return (await app.db.read.selectFrom('users').select('id').execute()).length
}

/** Refreshes once. Returns the new refresh token, or the one that was sent when it was refused. */
async function refreshOnce(app: TestApp, token: string): Promise<{ status: number; token: string }> {
  const answer = await post(app, '/api/token/refresh/', { refresh: token })
  return { status: answer.statusCode, token: answer.statusCode === 200 ? answer.json().refresh : token }
}

t.test('while the database is locked, writes are refused after five seconds and reads go on; afterwards writes succeed', async (t) => {
  const { app, file } = await onFile(t)
  await register(app)
  const { access, refresh } = await logIn(app)
  const other = new SQLite(file)
  t.teardown(() => other.close())
  other.exec('begin immediate')

  const asked = performance.now()
  let isOver = false
  const writes = Promise.all([
    post(app, '/api/users/', credentials('bob-the-builder')),
    post(app, '/api/token/', credentials('alice')),
    post(app, '/api/token/refresh/', { refresh }),
    app.inject('/health/ready'),
  ]).finally(() => {
    isOver = true
  })
  let readings = 0
  while (!isOver && performance.now() - asked < 8000) {
    const reads = [await post(app, '/api/token/verify/', { token: access }), await app.inject('/health/live')]
    if (reads.some(({ statusCode }) => statusCode !== 200)) t.fail('a read is refused', { answers: reads.map(seen) })
    readings++
    await sleep(10)
  }
  t.ok(isOver, 'all are refused within eight seconds')
  t.ok(performance.now() - asked > 4500, 'and not at once')
  t.ok(readings > 50, `waiting holds no other request up, and ${readings} times two were answered meanwhile`)

  other.exec('rollback')
  app.clock.advance(1)
  t.same(seen(await app.inject('/health/ready')), ready)
  for (const answer of await writes) {
    t.same(seen(answer), unavailable)
    t.match(answer.headers['retry-after'], /^[1-9]\d*$/)
  }
  t.same(seen(await post(app, '/api/users/', credentials('bob-the-builder'))), created)
  t.equal((await refreshOnce(app, refresh)).status, 200, 'the refused refresh did not use up its token')
})

t.test('while the disk is full, writes are refused, no data is lost and reads go on; afterwards writes succeed', async (t) => {
  const stored = await onFile(t)
  const { app, writer } = stored
  await register(app)
  let { access, refresh } = await logIn(app)
  const [{ max_page_count: limit }] = writer.pragma('max_page_count') as [{ max_page_count: number }]
  writer.pragma(`max_page_count = ${writer.pragma('page_count', { simple: true })}`)

  let registered = 1
  const names = Array.from({ length: 100 }, (_, i) => `user-${i}-${'x'.repeat(150)}`)
  let refused: string | undefined
  for (const name of names) {
    const answer = seen(await post(app, '/api/users/', credentials(name)))
    if (answer.status === 503) {
      t.same(answer, unavailable)
      refused = name
      break
    }
    t.same(answer, created)
    registered++
  }
  t.ok(refused, 'the disk is full at last')
  const answers = await Promise.all(names.slice(-10).map((name) => post(app, '/api/users/', credentials(name))))
  for (const answer of answers) t.same(seen(answer), unavailable)
  t.equal(answers[0]?.headers['retry-after'], '1')
  t.equal(await userCount(stored), registered, 'no write is half done')
  t.same(seen(await post(app, '/api/token/verify/', { token: access })), { status: 200, body: {} })

  writer.pragma(`max_page_count = ${limit}`)
  t.same(seen(await post(app, '/api/users/', credentials(refused as string))), created)
  const after = await refreshOnce(app, refresh)
  t.equal(after.status, 200)
  refresh = after.token
  access = (await logIn(app)).access
  t.same(seen(await post(app, '/api/token/verify/', { token: access })), { status: 200, body: {} })
  t.equal(writer.pragma('integrity_check', { simple: true }), 'ok')
})

t.test('while the database is read-only, writes are refused and reads go on; afterwards writes succeed', async (t) => {
  const stored = await onFile(t)
  const { app, writer } = stored
  await register(app)
  const { access, refresh } = await logIn(app)
  writer.pragma('query_only = on')
  for (const [url, body] of [
    ['/api/users/', credentials('bob-the-builder')],
    ['/api/token/', credentials('alice')],
    ['/api/users/authentication/', credentials('alice')],
    ['/api/token/refresh/', { refresh }],
  ] as const) {
    const answer = await post(app, url, body)
    t.match(seen(answer), unavailable, url)
    t.equal(answer.headers['retry-after'], '1')
  }
  t.equal(await userCount(stored), 1)
  t.same(seen(await post(app, '/api/token/verify/', { token: access })), { status: 200, body: {} })
  t.same(seen(await app.inject('/health/ready')), unavailable)
  t.same(seen(await app.inject('/health/live')), ready)
  writer.pragma('query_only = off')
  app.clock.advance(1)
  t.same(seen(await app.inject('/health/ready')), ready)
  t.same(seen(await post(app, '/api/users/', credentials('bob-the-builder'))), created)
  t.equal((await refreshOnce(app, refresh)).status, 200)
})

t.test('when the database cannot be read, readiness answers 503 and liveness 200', async (t) => {
  const { app, writer } = await onFile(t)
  await register(app)
  const { access } = await logIn(app)
  t.intercept(Object.getPrototypeOf(writer.prepare('select 1')), 'all', {
    value() {
      throw new SQLite.SqliteError('disk I/O error', 'SQLITE_IOERR_READ')
    },
  })
  t.same(seen(await app.inject('/health/live')), ready)
  t.same(seen(await app.inject('/health/ready')), unavailable)
  t.same(seen(await post(app, '/api/token/verify/', { token: access })), unavailable)
})

t.test(
  'once the file of the database is another, all that needs it is 503 and not ready, also when it is back; liveness is 200',
  async (t) => {
    const { app, file } = await onFile(t)
    await register(app)
    const { access } = await logIn(app)
    copyFileSync(file, `${file}.restored`)
    renameSync(file, `${file}.away`)
    renameSync(`${file}.restored`, file)
    t.same(seen(await post(app, '/api/users/', credentials('bob-the-builder'))), unavailable, 'the first write already')
    t.same(seen(await app.inject('/health/ready')), unavailable)
    renameSync(`${file}.away`, file)
    app.clock.advance(1)
    t.same(seen(await app.inject('/health/ready')), unavailable)
    t.same(seen(await post(app, '/api/users/', credentials('carol-the-cat'))), unavailable)
    t.same(seen(await post(app, '/api/token/verify/', { token: access })), unavailable)
    t.same(seen(await app.inject('/health/live')), ready)
  },
)

t.test('a refused refresh token writes nothing, so that nobody doubles or delays the work of others with it', async (t) => {
  const { app } = await onFile(t)
  await register(app)
  const [ended, good] = [await logIn(app), await logIn(app)]
  await refreshOnce(app, ended.refresh)
  app.clock.advance(31)
  t.equal((await refreshOnce(app, ended.refresh)).status, 401, 'reuse has ended the session')
  let runs = 0
  const write = app.db.write
  app.db.write = (job) =>
    write((handle) => {
      runs++
      return job(handle)
    })
  const answers = await Promise.all([refreshOnce(app, good.refresh), refreshOnce(app, ended.refresh)])
  t.same(
    answers.map(({ status }) => status),
    [200, 401],
  )
  t.equal(runs, 1, 'the job of the good one')
})
