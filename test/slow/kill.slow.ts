import { setTimeout as sleep } from 'node:timers/promises'
import SQLite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { PASSWORD } from '../helper.ts'
import { folder, postTo, type Service, start } from '../server/process.ts'

const KILLS = 20
const CHAINS = 4
const REGISTRARS = 2

/** What was answered before the process was killed. */
interface Answered {
  readonly users: string[]
  /** The newest refresh token that each chain was given. */
  readonly tokens: string[]
}

async function logIn({ url }: Service, username: string): Promise<{ status: number; refresh: string }> {
  const { status, body } = await postTo(`${url}/api/token/`, { username, password: PASSWORD })
  return { status, refresh: (body as { refresh: string }).refresh }
}

/** Refreshes one chain until the process is gone. */
async function followChain({ url }: Service, tokens: string[], chain: number): Promise<void> {
  for (;;) {
    const { body } = await postTo(`${url}/api/token/refresh/`, { refresh: tokens[chain] })
    tokens[chain] = (body as { refresh: string }).refresh
  }
}

async function registerMany({ url }: Service, users: string[], name: string): Promise<void> {
  for (let i = 0; ; i++) {
    const username = `${name}-${i}`
    if ((await postTo(`${url}/api/users/`, { username, password: PASSWORD })).status === 201) users.push(username)
  }
}

async function workUntilKilled(service: Service, kill: number, answered: Answered): Promise<void> {
  const gone = () => {}
  const work = [
    ...Array.from({ length: CHAINS }, (_, chain) => followChain(service, answered.tokens as string[], chain).catch(gone)),
    ...Array.from({ length: REGISTRARS }, (_, i) => registerMany(service, answered.users as string[], `user-${kill}-${i}`).catch(gone)),
  ]
  const before = answered.users.length
  while (answered.users.length === before) await sleep(5)
  await sleep(Math.random() * 200)
  process.kill(service.pid, 'SIGKILL')
  await Promise.all(work)
}

async function allThere(t: Test, service: Service, file: string, { users, tokens }: Answered): Promise<void> {
  for (const token of tokens) {
    t.equal((await postTo(`${service.url}/api/token/refresh/`, { refresh: token })).status, 200, 'an answered refresh token works')
  }
  const sqlite = new SQLite(file, { readonly: true })
  const stored = new Set(sqlite.prepare('select username from users').pluck().all())
  t.same(
    users.filter((username) => !stored.has(username)),
    [],
    'every answered registration is there',
  )
  t.equal(sqlite.pragma('integrity_check', { simple: true }), 'ok')
  t.same(sqlite.pragma('foreign_key_check'), [])
  sqlite.close()
}

t.test(`what was answered is there after a kill -9, ${KILLS} times`, async (t) => {
  const file = `${folder(t)}/latchkey.db`
  const env = { DATABASE_URL: `file:${file}`, LOG_LEVEL: 'info', LIMITS: 'off' }
  const answered: Answered = { users: ['first'], tokens: [] }
  let service = await start(t, env)
  await postTo(`${service.url}/api/users/`, { username: 'first', password: PASSWORD })
  for (let kill = 0; kill < KILLS; kill++) {
    for (let chain = 0; chain < CHAINS; chain++) answered.tokens[chain] = (await logIn(service, 'first')).refresh
    await workUntilKilled(service, kill, answered)
    service = await start(t, env)
    await allThere(t, service, file, answered)
  }
  const last = answered.users.at(-1) as string
  t.equal((await logIn(service, last)).status, 200)
})
