import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import type { TokenPair } from '../../domain/sessions/grant.ts'
import { changePassword, logIn, logOut, refresh, register } from '../../harness/requests.ts'
import { PASSWORD } from '../helper.ts'
import { type Asked, allRefused, whenEnded } from './refusals.ts'
import { type Ask, expectStatus, pairOf } from './two-processes.ts'

const CHAINS = 4
const REGISTRARS = 2
const LEAVERS = 2

/** Everything that was answered before a crash. */
export interface Answered {
  readonly users: string[]
  /** The newest pair that each chain of refreshes was given. */
  readonly chains: TokenPair[]
  /** Tokens of sessions that ended by a logout or a password change. */
  readonly ended: TokenPair[]
  readonly changer: Changer
}

/** A user who changes the password again and again, each time in the session that the change before began. */
interface Changer {
  password: string
  /** The one that was asked for last: the crash may have come after it became the password, and before it answered. */
  next: string
  kept: TokenPair
}

/** Refreshes one chain until it is done, or not answered as it should be. */
export async function followChain(ask: Ask, chains: TokenPair[], chain: number, until = { isDone: false }): Promise<void> {
  while (!until.isDone) chains[chain] = await pairOf(ask(refresh((chains[chain] as TokenPair).refresh)))
}

async function registerMany(ask: Ask, users: string[], name: string): Promise<void> {
  for (let i = 0; ; i++) {
    const username = `${name}-${i}`
    await expectStatus(201, ask(register(username, PASSWORD)))
    users.push(username)
  }
}

async function comeAndGo(ask: Ask, ended: TokenPair[]): Promise<void> {
  for (;;) {
    const pair = await pairOf(ask(logIn('leaver', PASSWORD)))
    await expectStatus(200, ask(logOut(pair.refresh)))
    ended.push(pair)
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

/**
 * Works until a crash: registers, refreshes, logs in and out, and changes a password, and notes what was answered.
 *
 * @param round a number that no call before had
 * @param crash makes what is asked fail, while work is under way
 * @param failure of each request that fails
 */
export async function workUntil(
  t: Test,
  ask: Ask,
  answered: Answered,
  round: number,
  crash: () => unknown,
  failure: RegExp,
): Promise<void> {
  const { users, chains, ended, changer } = answered
  for (let chain = 0; chain < CHAINS; chain++) chains[chain] = await pairOf(ask(logIn('first', PASSWORD)))
  const work = [
    ...Array.from({ length: CHAINS }, (_, chain) => followChain(ask, chains, chain)),
    ...Array.from({ length: REGISTRARS }, (_, i) => registerMany(ask, users, `user-${round}-${i}`)),
    ...Array.from({ length: LEAVERS }, () => comeAndGo(ask, ended)),
    changePasswords(ask, changer, ended),
  ]
  const gone = Promise.allSettled(work)
  const before = [users.length, ended.length] as const
  while (users.length === before[0] || ended.length === before[1]) await sleep(5)
  await sleep(Math.random() * 200)
  await crash()
  for (const end of await gone) if (end.status === 'rejected') t.match(end.reason, { message: failure })
}

/** What was answered that must be there: the sessions that ended from this one on, the chains, and the users among those that are stored. */
export async function allThere(
  t: Test,
  asked: Asked,
  { users, chains, ended }: Answered,
  endedBefore: number,
  stored: ReadonlySet<unknown>,
) {
  await allRefused(t, asked, ended.slice(endedBefore), whenEnded)
  const [ask] = asked.asks as [Ask]
  for (const pair of chains) t.equal((await ask(refresh(pair.refresh))).status, 200, 'an answered refresh token works')
  const missing = users.filter((username) => !stored.has(username))
  t.same(missing, [], 'every answered registration is there')
}

/**
 * The last password that was answered logs in, or the one of the request that the crash interrupted; the session that asked for it has ended
 * with the one before.
 */
export async function settlePassword(t: Test, ask: Ask, changer: Changer): Promise<void> {
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
export async function prepare(ask: Ask): Promise<Answered> {
  for (const name of ['first', 'leaver', 'changer']) await expectStatus(201, ask(register(name, PASSWORD)))
  const changer = { password: PASSWORD, next: PASSWORD, kept: await pairOf(ask(logIn('changer', PASSWORD))) }
  return { users: ['first'], chains: [], ended: [], changer }
}
