import SQLite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { makeClient } from '../../harness/api-client.ts'
import { logIn, register } from '../../harness/requests.ts'
import { PASSWORD } from '../helper.ts'
import { folder, start } from '../server/process.ts'
import { allThere, followChain, prepare, settlePassword, workUntil } from './answered.ts'
import { allRefused, whenEnded } from './refusals.ts'
import { type Ask, asker, pairOf } from './two-processes.ts'

const KILLS = 20
const KILLS_BESIDE = 5

/** The errors of a client whose server is killed. */
const GONE = /closed the connection|ECONNREFUSED|ECONNRESET/

/** The names in a database file, which is whole. */
function storedIn(t: Test, file: string): ReadonlySet<unknown> {
  const sqlite = new SQLite(file, { readonly: true })
  const stored = new Set(sqlite.prepare('select username from users').pluck().all())
  t.equal(sqlite.pragma('integrity_check', { simple: true }), 'ok')
  t.same(sqlite.pragma('foreign_key_check'), [])
  sqlite.close()
  return stored
}

/** Kills a service again and again. The next one, and the ones beside it, must know everything that it answered. */
async function killMany(t: Test, kills: number, file: string, others: readonly Ask[]): Promise<void> {
  const env = { DATABASE_URL: `file:${file}`, LOG_LEVEL: 'info', LIMITS: 'off' }
  let service = await start(t, env)
  let ask = asker(t, service)
  const answered = await prepare(ask)
  const client = await makeClient(`file:${file}`)
  for (let kill = 0; kill < kills; kill++) {
    const { pid } = service
    const endedBefore = answered.ended.length
    await workUntil(t, ask, answered, kill, () => process.kill(pid, 'SIGKILL'), GONE)
    for (const other of others) await allThere(t, { asks: [other], client }, answered, endedBefore, storedIn(t, file))
    service = await start(t, env)
    ask = asker(t, service)
    await allThere(t, { asks: [ask], client }, answered, endedBefore, storedIn(t, file))
    await settlePassword(t, ask, answered.changer)
  }
  await allRefused(t, { asks: [ask, ...others], client }, answered.ended, whenEnded)
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
