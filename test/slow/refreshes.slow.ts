import { setTimeout as sleep } from 'node:timers/promises'
import SQLite from 'better-sqlite3'
import t from 'tap'
import { logIn, refresh, register, verify } from '../../harness/requests.ts'
import { PASSWORD } from '../helper.ts'
import { folder, start } from '../server/process.ts'
import { AT_ONCE, COMPLAINTS, refreshInRounds, SESSIONS } from './refresh-rounds.ts'
import { asker, pairOf, startTwo } from './two-processes.ts'

const ROUNDS = 1000

const good = { status: 200, body: {} }
const ended = {
  status: 401,
  body: { title: 'Unauthorized', status: 401, detail: 'Token is blacklisted', code: 'token_not_valid' },
}

t.test(
  `${AT_ONCE} refreshes of one token at once, over two processes, get one successor and end no session, ${ROUNDS} times`,
  async (t) => {
    const two = await startTwo(t)
    await refreshInRounds(t, two, ROUNDS)
    const sqlite = new SQLite(two.file, { readonly: true })
    t.teardown(() => sqlite.close())
    t.same(sqlite.prepare(SESSIONS).all(), [{ id: 1, ended_at: null }])
    t.same(sqlite.prepare(COMPLAINTS).all(), [])
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
