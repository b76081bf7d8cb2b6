import { setTimeout as sleep } from 'node:timers/promises'
import SQLite from 'better-sqlite3'
import t, { type Test } from 'tap'
import type { TokenPair } from '../../domain/sessions/grant.ts'
import { type ClientMembers, makeClient } from '../../harness/api-client.ts'
import { changePassword, logIn, logOut, refresh, register } from '../../harness/requests.ts'
import { PASSWORD } from '../helper.ts'
import { folder, type Service, start } from '../server/process.ts'
import { allRefused, whenEnded } from './refusals.ts'
import { type Ask, asker, pairOf } from './two-processes.ts'

const KILLS = 20
const KILLS_BESIDE = 5
const CHAINS = 4
const REGISTRARS = 2
const LEAVERS = 2

/** The errors of a client whose server is killed. */
const GONE = /closed the connection|ECONNREFUSED|ECONNRESET/

/** Everything that the service answered before it was killed. */
interface Answered {
  readonly users: string[]
  /** The newest pair that each chain of refreshes was given. */
  readonly chains: TokenPair[]
  /** Tokens of sessions that ended by a logout or a password change. */
  readonly ended: TokenPair[]
  readonly changer: Changer
  /** The client that introspects tokens. */
  readonly client: ClientMembers
}

/** A user who changes the password again and again, each time in the session that the change before began. */
interface Changer {
  password: string
  /** The one that was asked for last: the server may have been killed after it became the password, and before it answered. */
  next: string
  kept: TokenPair
}

/** Refreshes one chain until it is done, or the process is gone. */
async function followChain(ask: Ask, chains: TokenPair[], chain: number, until = { isDone: false }): Promise<void> {
  while (!until.isDone) chains[chain] = await pairOf(ask(refresh((chains[chain] as TokenPair).refresh)))
}

async function registerMany(ask: Ask, users: string[], name: string): Promise<void> {
  for (let i = 0; ; i++) {
    const username = `${name}-${i}`
    if ((await ask(register(username, PASSWORD))).status === 201) users.push(username)
  }
}

async function comeAndGo(ask: Ask, ended: TokenPair[]): Promise<void> {
  for (;;) {
    const pair = await pairOf(ask(logIn('leaver', PASSWORD)))
    if ((await ask(logOut(pair.refresh))).status === 200) ended.push(pair)
  }
}

async function changePasswords(ask: Ask, changer: Changer, ended: TokenPair[]): Promise<void> {
  for (;;) {
    const other = await pairOf(ask(logIn('changer', changer.password)))
    changer.next = changer.password === PASSWORD ? 'wrong donkey charger' : PASSWORD
    const asking = changer.kept
    changer.kept = await pairOf(ask(changePassword(asking.access, changer.password, changer.next)))
    changer.password = changer.next
    ended.push(other, asking)
  }
}

async function workUntilKilled(t: Test, service: Service, ask: Ask, kill: number, answered: Answered): Promise<void> {
  const { users, chains, ended, changer } = answered
  const work = [
    ...Array.from({ length: CHAINS }, (_, chain) => followChain(ask, chains, chain)),
    ...Array.from({ length: REGISTRARS }, (_, i) => registerMany(ask, users, `user-${kill}-${i}`)),
    ...Array.from({ length: LEAVERS }, () => comeAndGo(ask, ended)),
    changePasswords(ask, changer, ended),
  ]
  const gone = Promise.allSettled(work)
  const before = [users.length, ended.length] as const
  while (users.length === before[0] || ended.length === before[1]) await sleep(5)
  await sleep(Math.random() * 200)
  process.kill(service.pid, 'SIGKILL')
  for (const end of await gone) if (end.status === 'rejected') t.match(end.reason, { message: GONE })
}

async function allThere(t: Test, ask: Ask, file: string, answered: Answered, endedBefore: number): Promise<void> {
  const { users, chains, ended, client } = answered
  await allRefused(t, { asks: [ask], client }, ended.slice(endedBefore), whenEnded)
  for (const pair of chains) t.equal((await ask(refresh(pair.refresh))).status, 200, 'an answered refresh token works')
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

/**
 * The last password that was answered logs in, or the one of the request that the kill interrupted; the session that asked for it has ended
 * with the one before.
 */
async function settlePassword(t: Test, ask: Ask, changer: Changer): Promise<void> {
  const candidates = [...new Set([changer.password, changer.next])]
  const statuses = await Promise.all(candidates.map(async (password) => (await ask(logIn('changer', password))).status))
  t.same(statuses.toSorted(), candidates.length === 1 ? [200] : [200, 401], 'one of them is the password')
  const password = candidates[statuses.indexOf(200)] as string
  const isChanged = password !== changer.password
  t.equal((await ask(refresh(changer.kept.refresh))).status, isChanged ? 401 : 200, 'the session that asked')
  changer.password = changer.next = password
  changer.kept = await pairOf(ask(logIn('changer', changer.password)))
}

/** Registers one user for the refreshes, one for the logouts, and one for the password changes. */
async function prepare(ask: Ask, file: string): Promise<Answered> {
  for (const name of ['first', 'leaver', 'changer']) await ask(register(name, PASSWORD))
  const changer = { password: PASSWORD, next: PASSWORD, kept: await pairOf(ask(logIn('changer', PASSWORD))) }
  return { users: ['first'], chains: [], ended: [], changer, client: await makeClient(`file:${file}`) }
}

/** Kills a service again and again. The next one, and the ones beside it, must know everything that it answered. */
async function killMany(t: Test, kills: number, file: string, others: readonly Ask[]): Promise<void> {
  const env = { DATABASE_URL: `file:${file}`, LOG_LEVEL: 'info', LIMITS: 'off' }
  let service = await start(t, env)
  let ask = asker(t, service)
  const answered = await prepare(ask, file)
  for (let kill = 0; kill < kills; kill++) {
    for (let chain = 0; chain < CHAINS; chain++) answered.chains[chain] = await pairOf(ask(logIn('first', PASSWORD)))
    const endedBefore = answered.ended.length
    await workUntilKilled(t, service, ask, kill, answered)
    for (const other of others) await allThere(t, other, file, answered, endedBefore)
    service = await start(t, env)
    ask = asker(t, service)
    await allThere(t, ask, file, answered, endedBefore)
    await settlePassword(t, ask, answered.changer)
  }
  await allRefused(t, { asks: [ask, ...others], client: answered.client }, answered.ended, whenEnded)
  t.comment(`${answered.users.length} registrations, ${answered.ended.length} ended sessions`)
  await pairOf(ask(logIn(answered.users.at(-1) as string, PASSWORD)))
}

t.test(`everything that was answered is in the database after a kill -9, ${KILLS} times`, async (t) => {
  await killMany(t, KILLS, `${folder(t)}/latchkey.db`, [])
})

t.test(`a process beside the one that is killed keeps working, and sees what that one answered, ${KILLS_BESIDE} times`, async (t) => {
  const file = `${folder(t)}/latchkey.db`
  const other = asker(t, await start(t, { DATABASE_URL: `file:${file}`, LOG_LEVEL: 'info', LIMITS: 'off' }))
  await other(register('bystander', PASSWORD))
  const chain = [await pairOf(other(logIn('bystander', PASSWORD)))]
  const bystander = { isDone: false }
  const goingOn = followChain(other, chain, 0, bystander)
  await killMany(t, KILLS_BESIDE, file, [other])
  bystander.isDone = true
  await goingOn
})
