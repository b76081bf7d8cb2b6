import { isDeepStrictEqual } from 'node:util'
import type { Test } from 'tap'
import type { TokenPair } from '../../domain/sessions/grant.ts'
import type { ClientMembers } from '../../harness/api-client.ts'
import { authenticate, introspect, introspectRefresh, refresh, verify } from '../../harness/requests.ts'
import { bearerRefused, challenged, problem, tokenRefused } from '../wire/wire.ts'
import type { Ask, Seen } from './two-processes.ts'

/** How the tokens of a session are refused, by endpoint. */
export interface Refusal {
  readonly refresh: Seen
  readonly verify: Seen
  readonly authenticate: Seen
  readonly introspect: Seen
}

const inactive = { status: 200, body: { active: false } }

export const whenEnded: Refusal = {
  refresh: tokenRefused('Token is blacklisted'),
  verify: tokenRefused('Token is blacklisted'),
  authenticate: bearerRefused('Token is blacklisted'),
  introspect: inactive,
}

export const whenDisabled: Refusal = {
  refresh: challenged(problem(401, 'no_active_account', 'No active account found for the given token.')),
  verify: tokenRefused(),
  authenticate: challenged(problem(401, 'user_inactive', 'User is inactive')),
  introspect: inactive,
}

export function isAnswer(seen: Seen, { status, body }: Seen): boolean {
  return isDeepStrictEqual(seen, { status, body })
}

/** Services on one database, and the client that introspects tokens there. */
export interface Asked {
  readonly asks: readonly Ask[]
  readonly client: ClientMembers
}

/** Fails unless every endpoint of every process refuses all these tokens with exactly these answers. */
export async function allRefused(t: Test, { asks, client }: Asked, pairs: readonly TokenPair[], refusal: Refusal): Promise<void> {
  const askAll = async (ask: Ask) => {
    for (const pair of pairs) await Promise.all(questions(pair, client, refusal).map((one) => expectOne(t, ask, one)))
  }
  await Promise.all(asks.map(askAll))
}

type Question = readonly [request: string, wanted: Seen]

function questions({ refresh: refreshToken, access }: TokenPair, client: ClientMembers, refusal: Refusal): Question[] {
  return [
    [refresh(refreshToken), refusal.refresh],
    [verify(refreshToken), refusal.verify],
    [introspectRefresh(refreshToken, client), refusal.introspect],
    [verify(access), refusal.verify],
    [introspect(access, client), refusal.introspect],
    [authenticate(access), refusal.authenticate],
  ]
}

async function expectOne(t: Test, ask: Ask, [request, wanted]: Question): Promise<void> {
  const answer = await ask(request)
  if (!isAnswer(answer, wanted)) t.fail('a token of an ended session is not refused', { request, answer })
}
