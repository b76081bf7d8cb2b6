// What the process costs: its start and its memory.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Server } from './child.ts'
import type { Load } from './load.ts'
import { median } from './measure.ts'
import { type Bench, BYSTANDER, CONNECTIONS, CREDENTIALS, type Line, logIn, mb, ms, STORM_CONNECTIONS, withServers } from './row.ts'

export const processRows: Record<string, (bench: Bench) => Promise<Line[]>> = {
  start: async (bench) => {
    const latchkey: number[] = []
    const floor: number[] = []
    for (let turn = 0; turn < 5; turn++) {
      latchkey.push(await startMs(bench.startLatchkey()))
      floor.push(await startMs(bench.startFloors()))
    }
    return [
      {
        what: 'start to the first 200; bare routes',
        latchkey: ms(median(latchkey)),
        floor: ms(median(floor)),
        ratio: median(latchkey) / median(floor),
        wanted: '≤ 800 ms',
      },
    ]
  },

  memory: (bench) =>
    withServers(bench, async ({ latchkey, floors }) => {
      await sleep(3000)
      const idle = latchkey.residentMb()
      const bareIdle = floors.residentMb()
      const { access, refresh } = await logIn(latchkey, BYSTANDER)
      const common = { port: latchkey.port, seconds: 10, connections: CONNECTIONS, supply: 'repeat' as const }
      const loads: Load[] = [
        { ...common, path: '/api/token/', connections: STORM_CONNECTIONS, bodies: [CREDENTIALS] },
        { ...common, path: '/api/token/verify/', bodies: [JSON.stringify({ token: access })] },
        { ...common, path: '/api/token/refresh/', connections: 1, bodies: [JSON.stringify({ refresh })], supply: 'chain' },
      ]
      const samples: number[] = []
      const sampling = setInterval(() => samples.push(latchkey.residentMb()), 100)
      await bench.loader.run(...loads)
      clearInterval(sampling)
      return [
        {
          what: 'memory, idle; bare routes',
          latchkey: mb(idle),
          floor: mb(bareIdle),
          ratio: idle / bareIdle,
          wanted: '≤ 125 MB',
        },
        { what: 'memory under load, the most', latchkey: mb(Math.max(...samples)), wanted: '≤ 155 MB' },
      ]
    }),
}

async function startMs(starting: Promise<Server>): Promise<number> {
  const server = await starting
  await server.stop()
  return server.startMs
}
