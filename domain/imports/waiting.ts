import type { PageOptions, Result } from './page.ts'
import type { Candidate } from './user.ts'

/** Users who may wait for a name at once. For more of them another import is needed. */
export const WAITING_LIMIT = 10_000

/** Users, or circles, of a transaction. */
const PAGE = 100

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
    const { done, waitsFor } = await inTurn(waiting, attempt)
    if (done.length === 0) done.push(...(await inCircles(waiting, circlesOf(waitsFor), attempt)))
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
async function inTurn(waiting: ReadonlyMap<bigint, Candidate>, attempt: Attempt): Promise<Tried> {
  const done: Result[] = []
  const waitsFor = new Map<bigint, bigint>()
  const still = new Set([...waiting.keys()].map(Number))
  for (const page of pagesOf([...waiting.values()].reverse())) {
    for (const result of await attempt(page, { waiting: still })) {
      const { candidate, outcome, waitsFor: holder } = result
      if (outcome === 'waiting' && holder !== undefined && still.has(holder)) waitsFor.set(candidate.id, BigInt(holder))
      else done.push(result)
    }
    for (const { candidate } of done) still.delete(Number(candidate.id))
  }
  return { done, waitsFor }
}

function pagesOf<T>(all: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(all.length / PAGE) }, (_, index) => all.slice(index * PAGE, (index + 1) * PAGE))
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

/** Many circles in one transaction, and where one of them is none any more each by itself. */
async function inCircles(
  waiting: ReadonlyMap<bigint, Candidate>,
  circles: readonly (readonly bigint[])[],
  attempt: Attempt,
): Promise<Result[]> {
  const done: Result[] = []
  for (const some of pagesOf(circles)) {
    const results = await inCircle(waiting, some.flat(), attempt)
    done.push(...results)
    if (results.length > 0 || some.length === 1) continue
    for (const one of some) done.push(...(await inCircle(waiting, one, attempt)))
  }
  return done
}

/** @returns nothing where they are no circles any more, and then nothing is done */
async function inCircle(waiting: ReadonlyMap<bigint, Candidate>, ids: readonly bigint[], attempt: Attempt): Promise<readonly Result[]> {
  const candidates = ids.map((id) => waiting.get(id) as Candidate)
  const results = await attempt(candidates, { waiting: new Set(ids.map(Number)), isCircle: true })
  return results.every(({ outcome }) => outcome === 'changed') ? results : []
}

/** Nobody gives up a name any more. */
async function attemptLast(waiting: ReadonlyMap<bigint, Candidate>, attempt: Attempt): Promise<Result[]> {
  const left: Result[] = []
  for (const page of pagesOf([...waiting.values()])) left.push(...(await attempt(page, { waiting: new Set() })))
  return left
}
