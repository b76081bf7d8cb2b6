import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import type { EndReason } from '../../db/schema.ts'
import type { TokenPair } from '../../domain/sessions/grant.ts'
import { logIn, refresh } from '../../harness/requests.ts'
import { noAccount } from '../wire/wire.ts'
import { allRefused, isAnswer, type Refusal, whenEnded } from './refusals.ts'
import { type Ask, pairOf, type Services } from './two-processes.ts'

/** Each request of a race starts within this many milliseconds. */
const LATEST_START_MS = 6
/** For two clients less than the 50 replaced tokens that a session remembers: a forgotten one would count as reuse. */
const MOST_REFRESHES = 20

export interface User {
  readonly name: string
  readonly password: string
  /** The session that changes the password; a change ends it, and the fresh one is the keeper of the user after it. */
  readonly keeper: TokenPair
}

/** One way in which sessions end. */
export interface Ending {
  readonly reason: EndReason
  /** Ends the session of these tokens, and maybe others; resolves to the user after it. */
  end(user: User, tokens: TokenPair): Promise<User>
  /** How the tokens are refused as soon as the end is answered. */
  readonly refusal: Refusal
  /** Whether it also ends the session of a login that is under way. */
  readonly endsLogins: boolean
  /** Makes it possible to log in again. */
  reopen?(user: User): Promise<void>
}

/** A race of requests with the end of a session. */
interface Race {
  readonly ending: Ending
  stage: 'before' | 'ending' | 'ended'
  /** Resolves when it was answered that the session has ended. */
  readonly end: PromiseWithResolvers<void>
  /** All tokens that were issued. */
  readonly handedOut: TokenPair[]
  /** Refreshes that were granted, and refused, while the session was being ended. */
  granted: number
  refused: number
}

/** Refreshes again and again until it is refused. Once the end is answered every refresh must be refused. */
async function refreshOn(t: Test, race: Race, ask: Ask, first: string): Promise<void> {
  await headStart()
  let token = first
  for (let count = 0; ; count++) {
    if (count === MOST_REFRESHES) await race.end.promise
    const asked = race.stage
    const answer = await ask(refresh(token))
    if (answer.status !== 200) {
      if (asked !== 'ended') race.refused++
      const isInOrder = isAnswer(answer, race.ending.refusal.refresh) || isAnswer(answer, whenEnded.refresh)
      return void (isInOrder || t.fail('neither granted nor refused as it should be', { answer }))
    }
    if (asked === 'ended') return void t.fail('refreshed after the session had ended')
    if (race.stage !== 'before') race.granted++
    const pair = answer.body as TokenPair
    race.handedOut.push(pair)
    token = pair.refresh
  }
}

/** Logs in with the password from before the end, which may no longer be right. */
async function logInMeanwhile(t: Test, race: Race, ask: Ask, { name, password }: User): Promise<void> {
  await headStart()
  const asked = race.stage
  const answer = await ask(logIn(name, password))
  if (answer.status === 200 && asked !== 'ended') race.handedOut.push(answer.body as TokenPair)
  else if (!isAnswer(answer, noAccount)) t.fail('logged in after the end, or refused otherwise', { asked, answer })
}

async function end(race: Race, user: User, tokens: TokenPair): Promise<User> {
  await headStart()
  race.stage = 'ending'
  const after = await race.ending.end(user, tokens)
  race.stage = 'ended'
  race.end.resolve()
  return after
}

function headStart(): Promise<void> {
  return sleep(Math.random() * LATEST_START_MS)
}

/**
 * One session of a user, raced and ended: every token that came of it is refused in all processes.
 *
 * @returns how many refreshes were granted and refused while it was being ended, and the user after it
 */
export async function race(t: Test, services: Services, ending: Ending, user: User) {
  const pair = await pairOf(services.any(logIn(user.name, user.password)))
  const race: Race = { ending, stage: 'before', end: Promise.withResolvers(), handedOut: [pair], granted: 0, refused: 0 }
  const [after] = await Promise.all([
    end(race, user, pair),
    ...services.asks.map((ask) => refreshOn(t, race, ask, pair.refresh)),
    ...(ending.endsLogins ? [logInMeanwhile(t, race, services.any, user)] : []),
  ])
  await allRefused(t, services, race.handedOut, ending.refusal)
  if (ending.reopen) {
    await ending.reopen(user)
    await allRefused(t, services, race.handedOut, whenEnded)
  }
  const { granted, refused } = race
  return { granted, refused, after }
}
