// What users elsewhere notice of one address that asks for more than it can get.
import { setTimeout as sleep } from 'node:timers/promises'
import { insertUsers } from './database.ts'
import type { Load, Outcome } from './load.ts'
import { median } from './measure.ts'
import { type Bench, type Line, ms, PASSWORD } from './row.ts'

const SECONDS = 6
const WARM_UP_SECONDS = 3
/** Until the queue is full. */
const HEAD_START_SECONDS = 1
const ACCOUNTS = 30
const IN_FLIGHT_AN_ACCOUNT = 10
const NETWORKS = 10
/** Of all ten networks together: a fraction of what two cores can hash. */
const LOGINS_PER_SECOND = 10

export const fairnessRows: Record<string, (bench: Bench) => Promise<Line[]>> = {
  fairness: async (bench) => {
    const server = await bench.startLatchkey({ env: { TRUST_PROXY: '127.0.0.1' } })
    const attack = await logins(bench, server.port, 'attacker', ACCOUNTS, {
      connections: ACCOUNTS * IN_FLIGHT_AN_ACCOUNT,
      addresses: ['192.0.2.1'],
    })
    const honest = await logins(bench, server.port, 'honest', NETWORKS, {
      connections: NETWORKS,
      addresses: Array.from({ length: NETWORKS }, (_, i) => `198.51.100.${i + 1}`),
      perSecond: LOGINS_PER_SECOND,
    })
    // From an address that a user has logged in from before, the limits do not slow right passwords down.
    await bench.loader.run({ ...attack, connections: ACCOUNTS, supply: 'each' })
    await bench.bystander.run({ ...honest, seconds: WARM_UP_SECONDS })
    const [quiet] = (await bench.bystander.run(honest)) as [Outcome]
    const attacking = bench.loader.run({ ...attack, seconds: HEAD_START_SECONDS + SECONDS })
    // No warm-up beside it: that would last until its own logins are answered, and might outlive the attack.
    await sleep(HEAD_START_SECONDS * 1000)
    const [beside] = (await bench.bystander.run(honest)) as [Outcome]
    await attacking
    await server.stop()
    const [quietMs, besideMs] = [median(quiet.latenciesMs), median(beside.latenciesMs)]
    const attacker = `${ACCOUNTS} × ${IN_FLIGHT_AN_ACCOUNT} logins in flight from one address`
    return [
      {
        what: `log in from ten networks beside ${attacker}, median; without those`,
        latchkey: ms(besideMs),
        floor: ms(quietMs),
        ratio: besideMs / quietMs,
        wanted: '≤ 3.00',
      },
      { what: 'those logins that are refused', latchkey: `${beside.refused} of ${beside.answers}`, wanted: '0' },
    ]
  },
}

/** Logins of users with the right password, which may be refused. */
async function logins(
  bench: Bench,
  port: number,
  name: string,
  users: number,
  load: Pick<Load, 'connections' | 'addresses' | 'perSecond'>,
): Promise<Load> {
  const names = Array.from({ length: users }, (_, i) => `${name}-${i}`)
  await insertUsers(bench.databaseUrl, names)
  const bodies = names.map((username) => JSON.stringify({ username, password: PASSWORD }))
  return { ...load, port, path: '/api/token/', seconds: SECONDS, bodies, supply: 'repeat', mayBeRefused: true }
}
