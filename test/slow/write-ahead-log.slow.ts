import { statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import SQLite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { logIn, refresh, register } from '../../harness/requests.ts'
import { PASSWORD } from '../helper.ts'
import { folder, type Service, start } from '../server/process.ts'
import { type Ask, asker, pairOf } from './two-processes.ts'

const MIB = 1024 * 1024
const LIMIT = 8 * MIB
const CLIENTS = 16
/** In milliseconds; a refresh writes 8 kB, so the log passes 64 MiB in less than half of it. */
const PATIENCE_MS = 120_000

/** A service whose users refresh as fast as they can, until `rest` is called. Each refresh must succeed. */
async function underLoad(t: Test) {
  const file = `${folder(t)}/latchkey.db`
  const service = await start(t, { DATABASE_URL: `file:${file}`, LOG_LEVEL: 'info', LIMITS: 'off' })
  const ask = asker(t, service)
  let isOver = false
  const users = Array.from({ length: CLIENTS }, (_, i) => refreshAlways(ask, `user-${i}`, () => isOver))
  const rest = async () => {
    isOver = true
    return (await Promise.all(users)).reduce((sum, count) => sum + count, 0)
  }
  return { file, service, rest, logBytes: () => statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0 }
}

async function refreshAlways(ask: Ask, username: string, isOver: () => boolean): Promise<number> {
  await ask(register(username, PASSWORD))
  let token = (await pairOf(ask(logIn(username, PASSWORD)))).refresh
  let count = 0
  for (; !isOver(); count++) token = (await pairOf(ask(refresh(token)))).refresh
  return count
}

/** A transaction that reads in this process, and stays until it is called again. */
function stayingReader(t: Test, file: string): () => void {
  const sqlite = new SQLite(file, { readonly: true })
  t.teardown(() => sqlite.close())
  sqlite.exec('begin; select count(*) from users')
  return () => void sqlite.exec('commit')
}

async function until(isSo: () => boolean, patienceMs: number): Promise<boolean> {
  for (const asked = performance.now(); performance.now() - asked < patienceMs; await sleep(300)) if (isSo()) return true
  return false
}

const isWarned = (service: Service) => service.output().includes('the write-ahead log of the database has')

t.test('under load, without a reader that stays, the write-ahead log is at most 8 MiB long', async (t) => {
  const { service, rest, logBytes } = await underLoad(t)
  let longest = 0
  await until(() => {
    longest = Math.max(longest, logBytes())
    return false
  }, 10_000)
  const refreshes = await rest()
  t.comment(`${refreshes} refreshes, ${longest} bytes`)
  t.ok(refreshes * 8192 > 2 * LIMIT, 'more was written than fits')
  t.ok(longest <= LIMIT, `${longest} bytes`)
  t.notOk(isWarned(service))
})

for (const isIdle of [false, true]) {
  const meanwhile = isIdle ? 'nobody asks for anything' : 'the load goes on'
  t.test(
    `beside a reader that stays the log warns; once it is gone, the write-ahead log is short in ten seconds while ${meanwhile}`,
    async (t) => {
      const { file, service, rest, logBytes } = await underLoad(t)
      const leave = stayingReader(t, file)
      t.ok(await until(() => isWarned(service), PATIENCE_MS), 'it is warned of')
      t.ok(logBytes() > 64 * MIB)
      if (isIdle) await rest()
      leave()
      t.ok(await until(() => logBytes() <= LIMIT, 10_000), `${logBytes()} bytes`)
      t.ok((await rest()) > 0, 'every refresh has succeeded')
      await service.stop()
      t.equal(new SQLite(file).pragma('integrity_check', { simple: true }), 'ok')
    },
  )
}
