import { randomUUID } from 'node:crypto'
import type { Test } from 'tap'
import { loadConfig } from '../../config.ts'
import type { Database } from '../../db/database.ts'
import { openDatabase } from '../../db/open.ts'
import { endSessionsOf } from '../../domain/accounts/users-sessions.ts'
import { systemClock } from '../../domain/clock.ts'
import type { TokenPair } from '../../domain/sessions/grant.ts'
import { refresh, verify } from '../../harness/requests.ts'
import { KEY, signLegacy } from '../routes/legacy.ts'
import { AT_ONCE, identity } from './refresh-rounds.ts'
import { isAnswer, whenEnded } from './refusals.ts'
import type { Seen, Services } from './two-processes.ts'

const DAY = 86_400
/** Tokens of a user that race with the end of them all. */
const RACING = 10

export const legacySettings = { LEGACY_JWT_SECRET: KEY, LEGACY_JWT_UNTIL: new Date(Date.now() + DAY * 1000).toISOString() }

/** The database of services, opened beside them, with so many imported users, whose ids begin with 1. */
async function withUsers(t: Test, url: string, count: number): Promise<Database> {
  const db = await openDatabase(url)
  t.teardown(() => db.close())
  const names = Array.from({ length: count }, (_, i) => `user-${i + 1}`)
  const rows = names.map((username) => ({ username, username_key: username, password: '!', created_at: 0, imported_at: 0 }))
  while (rows.length > 0) {
    const some = rows.splice(0, 500)
    await db.write((handle) => handle.insertInto('users').values(some).execute())
  }
  return db
}

function newToken(userId: number): string {
  const iat = Math.floor(Date.now() / 1000)
  return signLegacy({ token_type: 'refresh', exp: iat + DAY, iat, jti: randomUUID().replaceAll('-', ''), user_id: String(userId) })
}

/** Uses a legacy token of each of so many users for the first time, and that many times at once: it becomes one session with one successor. */
export async function useInRounds(t: Test, { asks, any }: Services, url: string, rounds: number): Promise<void> {
  const db = await withUsers(t, url, rounds)
  const began = performance.now()
  for (let userId = 1; userId <= rounds; userId++) {
    const token = newToken(userId)
    const answers = await Promise.all(Array.from({ length: AT_ONCE }, () => any(refresh(token))))
    const refused = answers.filter(({ status }) => status !== 200)
    if (refused.length > 0) return void t.fail(`refused: user ${userId}`, { refused })
    const successors = new Set(answers.map(identity))
    if (successors.size !== 1) return void t.fail(`more than one successor: user ${userId}`, { successors: [...successors] })
    if (userId % 100 > 0) continue
    const { access } = (answers[0] as Seen).body as TokenPair
    for (const ask of asks) t.same(await ask(verify(access)), { status: 200, body: {} })
  }
  t.comment(`${Math.round((rounds * AT_ONCE) / ((performance.now() - began) / 1000))} first uses a second`)
  const all = Array.from({ length: rounds }, (_, i) => ({ user_id: i + 1, ended_at: null }))
  t.same(await db.read.selectFrom('sessions').select(['user_id', 'ended_at']).orderBy('user_id').execute(), all)
  const tokens = db.read.selectFrom('legacy_tokens').innerJoin('sessions', 'sessions.id', 'legacy_tokens.session_id')
  t.equal((await tokens.select('jti').execute()).length, rounds)
  const complaints = db.read.selectFrom('auth_events').selectAll().where('kind', 'in', ['refresh_refused', 'session_ended'])
  t.same(await complaints.execute(), [])
}

/** Uses legacy tokens of a user while all of them are revoked, at another process: from the answer on none is taken, and no session is left. */
export async function revokeInRounds(t: Test, { asks, any }: Services, url: string, rounds: number): Promise<void> {
  const db = await withUsers(t, url, rounds)
  const operator = { db, ...systemClock(), config: loadConfig({}) }
  const counts = { granted: 0, refused: 0 }
  for (let userId = 1; userId <= rounds && t.passing(); userId++) {
    const tokens = Array.from({ length: RACING }, () => newToken(userId))
    const using = tokens.map((token) => any(refresh(token)))
    // Whichever is faster here, some of all tokens come before the end, and some after it.
    await Promise.all(using.slice(0, userId % RACING))
    const [answers] = await Promise.all([Promise.all(using), endSessionsOf(operator, undefined, userId)])
    for (const { status } of answers) counts[status === 200 ? 'granted' : 'refused']++
    for (const token of tokens) {
      for (const ask of asks) {
        const answer = await ask(refresh(token))
        if (!isAnswer(answer, whenEnded.refresh)) t.fail(`taken after the end: user ${userId}`, { answer })
      }
    }
  }
  t.comment(`while all tokens were being revoked, ${counts.granted} became sessions, and ${counts.refused} did not`)
  t.ok(counts.granted > 0 && counts.refused > 0, 'they met')
  t.same(await db.read.selectFrom('sessions').selectAll().where('ended_at', 'is', null).execute(), [])
}
