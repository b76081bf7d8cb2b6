import type { PageOptions, Result } from './page.ts'
import type { Candidate } from './user.ts'

/** Users who may wait for a name at once. For more of them another import is needed. */
export const WAITING_LIMIT = 10_000

type Attempt = (candidates: readonly Candidate[], options: PageOptions) => Promise<readonly Result[]>

/**
 * Brings in those users whose names were others' when it was their turn: who have given them up meanwhile, or who wait themselves, in a circle,
 * as two do who have changed names.
 *
 * @param waiting by id; none is left in it
 */
export async function settleWaiting(waiting: Map<bigint, Candidate>, attempt: Attempt): Promise<Result[]> {
  const settled: Result[] = []
  for (let hasMoved = true; hasMoved && waiting.size > 0; ) {
    const { done, waitsFor } = await oneByOne(waiting, attempt)
    const circles = done.length > 0 ? [] : circlesOf(waitsFor)
    for (const circle of circles) done.push(...(await inCircle(waiting, circle, attempt)))
    for (const { candidate } of done) waiting.delete(candidate.id)
    settled.push(...done)
    hasMoved = done.length > 0
  }
  const left = await attemptLast(waiting, attempt)
  waiting.clear()
  return [...settled, ...left]
}

interface Tried {
  readonly done: Result[]
  /** Of those who still wait, for whom. */
  readonly waitsFor: ReadonlyMap<bigint, bigint>
}

/** The last ones first: where names have moved on by one, each finds its own free then. */
async function oneByOne(waiting: ReadonlyMap<bigint, Candidate>, attempt: Attempt): Promise<Tried> {
  const done: Result[] = []
  const waitsFor = new Map<bigint, bigint>()
  const still = new Set([...waiting.keys()].map(Number))
  for (const candidate of [...waiting.values()].reverse()) {
    const [result] = await attempt([candidate], { waiting: still })
    if (result === undefined) continue
    const holder = result.waitsFor
    if (result.outcome === 'waiting' && holder !== undefined && still.has(holder)) waitsFor.set(candidate.id, BigInt(holder))
    else {
      done.push(result)
      still.delete(Number(candidate.id))
    }
  }
  return { done, waitsFor }
}

/** Those who wait for each other, the one for the next and the last for the first. */
function circlesOf(waitsFor: ReadonlyMap<bigint, bigint>): bigint[][] {
  const seen = new Set<bigint>()
  const circles: bigint[][] = []
  for (const start of waitsFor.keys()) {
    const path: bigint[] = []
    let id: bigint | undefined = start
    for (; id !== undefined && !seen.has(id); id = waitsFor.get(id)) {
      seen.add(id)
      path.push(id)
    }
    const from = id === undefined ? -1 : path.indexOf(id)
    if (from >= 0) circles.push(path.slice(from))
  }
  return circles
}

async function inCircle(waiting: ReadonlyMap<bigint, Candidate>, ids: readonly bigint[], attempt: Attempt): Promise<readonly Result[]> {
  const candidates = ids.map((id) => waiting.get(id) as Candidate)
  const results = await attempt(candidates, { waiting: new Set(ids.map(Number)), isCircle: true })
  return results.filter(({ outcome }) => outcome !== 'waiting')
}

/** Nobody gives up a name any more. */
async function attemptLast(waiting: ReadonlyMap<bigint, Candidate>, attempt: Attempt): Promise<Result[]> {
  const left: Result[] = []
  for (const candidate of waiting.values()) left.push(...(await attempt([candidate], { waiting: new Set() })))
  return left
}
