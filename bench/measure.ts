import type { Loader, Server } from './child.ts'
import type { Load, Outcome } from './load.ts'

const WARM_UP_SECONDS = 5
const SLICE_SECONDS = 2
const SLICES = 5

/** Makes the load of the next slice; `last` has the next bodies of a chain from the slice before. */
export type Ask = (seconds: number, last: readonly string[] | undefined) => Omit<Load, 'port' | 'seconds'>

/** Answers a second, and the server's processor time an answer. */
export interface Speed {
  readonly rate: number
  readonly cpuMs: number
  /** The processor time of its database an answer, where that is another process. */
  readonly databaseCpuMs: number
  /** Not a number where the load keeps no latencies. */
  readonly p99Ms: number
}

/** One side of a comparison. */
export interface Side {
  readonly server: Server
  readonly database?: Pick<Server, 'cpuMs'> | undefined
  readonly ask: Ask
}

/**
 * Measures the speeds of several sides, as medians of short slices. Each side is warmed up; then they take turns, so that other load
 * on the machine affects all of them alike.
 */
export async function compare(loader: Loader, ...sides: Side[]): Promise<Speed[]> {
  const slices = sides.map((side) => slicer(loader, side))
  for (const slice of slices) await slice(WARM_UP_SECONDS)
  const speeds: Speed[][] = sides.map(() => [])
  for (let turn = 0; turn < SLICES; turn++) {
    for (const [side, slice] of slices.entries()) speeds[side]?.push(await slice(SLICE_SECONDS))
  }
  return speeds.map((measured) => {
    const middle = (member: keyof Speed) => median(measured.map((speed) => speed[member]))
    return { rate: middle('rate'), cpuMs: middle('cpuMs'), databaseCpuMs: middle('databaseCpuMs'), p99Ms: middle('p99Ms') }
  })
}

function slicer(loader: Loader, { server, database, ask }: Side): (seconds: number) => Promise<Speed> {
  let last: readonly string[] | undefined
  return async (seconds) => {
    const load = { ...ask(seconds, last), port: server.port, seconds }
    const [cpuBefore, databaseBefore] = [server.cpuMs(), database?.cpuMs() ?? 0]
    const [outcome] = (await loader.run(load)) as [Outcome]
    last = outcome.bodies
    return {
      rate: outcome.rate,
      cpuMs: (server.cpuMs() - cpuBefore) / outcome.answers,
      databaseCpuMs: ((database?.cpuMs() ?? 0) - databaseBefore) / outcome.answers,
      p99Ms: quantile(outcome.latenciesMs, 0.99),
    }
  }
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** The least value that this share of the values does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN
}
