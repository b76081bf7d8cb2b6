import type { Test } from 'tap'
import type { TokenPair } from '../../domain/sessions/grant.ts'
import { logIn, refresh, register, verify } from '../../harness/requests.ts'
import { claimsOf, PASSWORD } from '../helper.ts'
import { pairOf, type Seen, type Services } from './two-processes.ts'

export const AT_ONCE = 50

/** The sessions and what they have suffered, after `refreshInRounds` on an empty database. */
export const SESSIONS = 'select id, ended_at from sessions'
export const COMPLAINTS = "select * from auth_events where kind in ('refresh_refused', 'session_ended')"

/** The claims that identify a successor. Its text does not: each answer has another signature. */
export function identity({ body }: Seen): string {
  const { sid, jti, exp } = claimsOf((body as TokenPair).refresh)
  return JSON.stringify({ sid, jti, exp })
}

/** Refreshes one token over all services at once, and then its successor, and so on: each time all answers have the same successor. */
export async function refreshInRounds(t: Test, { asks, any }: Services, rounds: number): Promise<void> {
  await any(register('alice', PASSWORD))
  let { refresh: token } = await pairOf(any(logIn('alice', PASSWORD)))
  for (let round = 0; round < rounds; round++) {
    const answers = await Promise.all(Array.from({ length: AT_ONCE }, () => any(refresh(token))))
    const refused = answers.filter(({ status }) => status !== 200)
    if (refused.length > 0) return void t.fail(`refused in round ${round}`, { refused })
    const successors = new Set(answers.map(identity))
    if (successors.size !== 1) return void t.fail(`more than one successor in round ${round}`, { successors: [...successors] })
    const one = answers[Math.floor(Math.random() * AT_ONCE)] as Seen
    token = (one.body as TokenPair).refresh
  }
  for (const ask of asks) t.same(await ask(verify(token)), { status: 200, body: {} })
}
