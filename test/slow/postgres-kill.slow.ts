import t, { type Test } from 'tap'
import { logIn } from '../../harness/requests.ts'
import { PASSWORD } from '../helper.ts'
import { allThere, prepare, settlePassword, workUntil } from './answered.ts'
import { startBouncer } from './postgres/bouncer.ts'
import { type Instances, startInstances } from './postgres/instances.ts'
import { Probes } from './postgres/probes.ts'
import { type Server, startServer } from './postgres/server.ts'
import { allRefused, whenEnded } from './refusals.ts'
import { pairOf } from './two-processes.ts'

const INSTANCES = 2
const KILLS = 20
const KILLS_BEHIND_BOUNCER = 5
/** Requests that a kill interrupts. */
const REFUSED = /^503 .*"code":"database_unavailable"/

/** Kills PostgreSQL again and again, and starts it. The same instances must then know everything that they answered. */
async function killMany(t: Test, kills: number, server: Server, together: Instances): Promise<void> {
  const { any, services } = together
  const answered = await prepare(any)
  const probes = await Probes.start(together)
  for (let kill = 0; kill < kills; kill++) {
    const endedBefore = answered.ended.length
    const begin = () => workUntil(t, any, answered, kill, () => server.kill(), REFUSED)
    await probes.outlive(t, `kill ${kill + 1}`, { begin, end: () => server.start(), lastsMs: 100 })
    const stored = new Set(await server.column('select username from users'))
    await allThere(t, together, answered, endedBefore, stored)
    await settlePassword(t, any, answered.changer)
  }
  await probes.stop()
  await allRefused(t, together, answered.ended, whenEnded)
  await pairOf(any(logIn(answered.users.at(-1) as string, PASSWORD)))
  for (const { pid } of services) t.ok(process.kill(pid, 0), 'the same processes serve')
  t.comment(`${answered.users.length} registrations, ${answered.ended.length} ended sessions`)
}

t.test(`everything that instances answered is there after a kill -9 of PostgreSQL, ${KILLS} times, and they go on`, async (t) => {
  const server = await startServer(t)
  await killMany(t, KILLS, server, await startInstances(t, server.url(), INSTANCES))
})

t.test(`the same is so behind PgBouncer, ${KILLS_BEHIND_BOUNCER} times`, async (t) => {
  const server = await startServer(t)
  const port = await startBouncer(t, server)
  await killMany(t, KILLS_BEHIND_BOUNCER, server, await startInstances(t, server.url({ port }), INSTANCES))
})
