import { setTimeout as sleep } from 'node:timers/promises'
import SQLite from 'better-sqlite3'
import t from 'tap'
import type { TokenPair } from '../../domain/sessions/grant.ts'
import { logIn, refresh, register, verify } from '../../harness/requests.ts'
import { claimsOf, PASSWORD } from '../helper.ts'
import { folder, start } from '../server/process.ts'
import { asker, pairOf, type Seen, startTwo } from './two-processes.ts'

const ROUNDS = 1000
const AT_ONCE = 50

const good = { status: 200, body: {} }
const ended = {
  status: 401,
  body: { title: 'Unauthorized', status: 401, detail: 'Token is blacklisted', code: 'token_not_valid' },
}

/** The claims that identify a successor. Its text does not: each answer has another signature. */
function identity({ body }: Seen): string {
  const { sid, jti, exp } = claimsOf((body as TokenPair).refresh)
  return JSON.stringify({ sid, jti, exp })
}

t.test(
  `${AT_ONCE} refreshes of one token at once, over two processes, get one successor and end no session, ${ROUNDS} times`,
  async (t) => {
    const { file, asks, either } = await startTwo(t)
    await either(register('alice', PASSWORD))
    let { refresh: token } = await pairOf(either(logIn('alice', PASSWORD)))
    for (let round = 0; round < ROUNDS; round++) {
      const answers = await Promise.all(Array.from({ length: AT_ONCE }, () => either(refresh(token))))
      const refused = answers.filter(({ status }) => status !== 200)
      if (refused.length > 0) return t.fail(`refused in round ${round}`, { refused })
      const successors = new Set(answers.map(identity))
      if (successors.size !== 1) return t.fail(`more than one successor in round ${round}`, { successors: [...successors] })
      const any = answers[Math.floor(Math.random() * AT_ONCE)] as Seen
      token = (any.body as TokenPair).refresh
    }
    for (const ask of asks) t.same(await ask(verify(token)), good)
    const sqlite = new SQLite(file, { readonly: true })
    t.teardown(() => sqlite.close())
    t.same(sqlite.prepare('select id, ended_at from sessions').all(), [{ id: 1, ended_at: null }])
    const complaints = "select * from auth_events where kind in ('refresh_refused', 'session_ended')"
    t.same(sqlite.prepare(complaints).all(), [])
  },
)

t.test('use of a refresh token after the grace ends its session for all its tokens', async (t) => {
  const ask = asker(t, await start(t, { DATABASE_URL: `file:${folder(t)}/latchkey.db`, REFRESH_REUSE_GRACE: '1' }))
  await ask(register('alice', PASSWORD))
  const first = await pairOf(ask(logIn('alice', PASSWORD)))
  const other = await pairOf(ask(logIn('alice', PASSWORD)))
  const second = await pairOf(ask(refresh(first.refresh)))
  t.equal((await ask(refresh(first.refresh))).status, 200)
  await sleep(1100)
  t.same(await ask(refresh(first.refresh)), ended)
  t.same(await ask(refresh(second.refresh)), ended)
  t.same(await ask(verify(second.access)), ended)
  t.same(await ask(verify(first.access)), ended)
  t.same(await ask(verify(other.access)), good)
})
