// What the service does when it is flooded.
import { limitMemory } from '../harness/memory-limit.ts'
import { insertUsers } from './database.ts'
import { attacks, send } from './hostile.ts'
import type { Load } from './load.ts'
import { median, quantile } from './measure.ts'
import { type Bench, type Line, logIn, mb, ms, PASSWORD, verifyBeside } from './row.ts'

const MEMORY_MIB = 192
const STORM_LOGINS = 200
const STORMS = 12
/** About as long as two cores need for the hashes of a storm. */
const BYSTANDER_SECONDS = 1
/** The time before the measurement: code that V8 has not optimised yet takes twice as long. */
const WARM_UP_STORMS = 2
/** The least of these tries counts: other work on the machine can only make the event loop slower. */
const TRIES = 5

/** Users that log in all at the same time. */
async function storm(bench: Bench, port: number): Promise<Load> {
  const names = Array.from({ length: STORM_LOGINS }, (_, i) => `storm-${port}-${i}`)
  await insertUsers(bench.databaseUrl, names)
  const bodies = names.map((username) => JSON.stringify({ username, password: PASSWORD }))
  return { port, path: '/api/token/', connections: STORM_LOGINS, seconds: 60, bodies, supply: 'each' }
}

export const floodRows: Record<string, (bench: Bench) => Promise<Line[]>> = {
  'flood-logins': async (bench) => {
    const limit = limitMemory(MEMORY_MIB)
    const server = await bench.startLatchkey({ limit })
    const logins = await storm(bench, server.port)
    const { access } = await logIn(server)
    const flood = () => verifyBeside(bench, logins, access, BYSTANDER_SECONDS)
    for (let turn = 0; turn < WARM_UP_STORMS; turn++) await flood()
    const residentMb: number[] = []
    const sampling = setInterval(() => residentMb.push(server.residentMb()), 20)
    const latenciesMs: number[] = []
    const seconds: number[] = []
    for (let turn = 0; turn < STORMS; turn++) {
      const began = performance.now()
      // Throws when a request is not answered with success.
      const { verifies } = await flood()
      seconds.push((performance.now() - began) / 1000)
      latenciesMs.push(...verifies.latenciesMs)
    }
    clearInterval(sampling)
    await server.stop()
    const kills = limit?.kills() ?? 0
    limit?.remove()
    if (kills > 0) throw new Error(`the kernel has killed ${kills}`)
    const where = limit ? `${MEMORY_MIB} MiB (${limit.kind})` : 'unlimited memory: no limit could be set here'
    return [
      {
        what: `verify beside ${STORM_LOGINS} logins at once in ${where}, p99`,
        latchkey: ms(quantile(latenciesMs, 0.99)),
        wanted: '≤ 10 ms',
      },
      { what: 'until the last of those logins is answered, all with success', latchkey: `${median(seconds).toFixed(1)} s`, wanted: 'all' },
      { what: 'memory meanwhile, the most', latchkey: mb(Math.max(...residentMb)), wanted: '≤ 201 MB' },
    ]
  },

  'flood-loop': async (bench) => {
    const server = await bench.startLatchkey({ watchesLoop: true })
    const heldMs: [name: string, ms: number][] = []
    for (const [name, attack] of Object.entries(attacks)) {
      const tries: number[] = []
      for (let i = 0; i < TRIES; i++) {
        await server.loopHeldMs()
        await send(server.port, attack)
        tries.push(await server.loopHeldMs())
      }
      heldMs.push([name, Math.min(...tries)])
    }
    const logins = await storm(bench, server.port)
    const storms: number[] = []
    for (let i = 0; i < TRIES; i++) {
      await server.loopHeldMs()
      await bench.loader.run(logins)
      storms.push(await server.loopHeldMs())
    }
    await server.stop()
    const [worst = '', worstMs = 0] = heldMs.toSorted(([, a], [, b]) => b - a)[0] ?? []
    return [
      { what: `event loop held by hostile input, the most: ${worst}`, latchkey: ms(worstMs), wanted: '≤ 20 ms' },
      { what: `event loop held in a storm of ${STORM_LOGINS} logins`, latchkey: ms(Math.min(...storms)), wanted: '≤ 20 ms' },
    ]
  },
}
