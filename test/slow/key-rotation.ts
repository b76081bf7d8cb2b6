import { setTimeout as sleep } from 'node:timers/promises'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import type { Test } from 'tap'
import { loadConfig } from '../../config.ts'
import { openDatabase } from '../../db/open.ts'
import { systemClock } from '../../domain/clock.ts'
import type { KeyInfo } from '../../domain/keys/describe.ts'
import { Secrets } from '../../domain/keys/secrets.ts'
import { headerOf, PASSWORD } from '../helper.ts'
import { type Cleanup, postTo, type Service } from '../server/process.ts'

export const MAX_AGE_SECONDS = 2
const CLIENTS = 4
/** What services that are asked by `useAll` have as their `PUBLIC_URL`. */
export const ISSUER = 'http://localhost:3000'
const PAUSE_MS = 20

export interface Pair {
  readonly access: string
  readonly refresh: string
}

/** The number of checks, their failures, and the keys that signed. */
interface Log {
  readonly failures: string[]
  readonly kids: Set<string>
  checks: number
}

/**
 * Checks tokens with the published keys alone. It keeps them for their whole cache time, and does not ask again for a key
 * that it misses: its cooldown is as long.
 */
function offline({ url }: Service) {
  const cache = { cacheMaxAge: MAX_AGE_SECONDS * 1000, cooldownDuration: MAX_AGE_SECONDS * 1000 }
  const keys = createRemoteJWKSet(new URL(`${url}/.well-known/jwks.json`), cache)
  return (token: string) => jwtVerify(token, keys, { issuer: ISSUER, algorithms: ['ES256'] })
}

async function check(log: Log, what: string, work: () => Promise<unknown>): Promise<void> {
  log.checks++
  try {
    await work()
  } catch (error) {
    log.failures.push(`${what}: ${(error as Error).message}`)
  }
}

export async function expect200(answer: Promise<{ status: number; body: unknown }>): Promise<unknown> {
  const { status, body } = await answer
  if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`)
  return body
}

/** A user who refreshes at the processes in turn, while each process and each offline verifier checks every token. */
async function use(services: readonly Service[], name: string, isOver: () => boolean, log: Log): Promise<void> {
  const verifiers = services.map((service) => ({ service, verify: offline(service) }))
  await postTo(`${services[0]?.url}/api/users/`, { username: name, password: PASSWORD })
  let pair = (await expect200(postTo(`${services[0]?.url}/api/token/`, { username: name, password: PASSWORD }))) as Pair
  const kept: string[] = [pair.access]
  for (let turn = 0; !isOver(); turn++) {
    const { url } = services[turn % services.length] as Service
    await check(log, 'refresh', async () => {
      pair = (await expect200(postTo(`${url}/api/token/refresh/`, { refresh: pair.refresh }))) as Pair
    })
    log.kids.add(headerOf(pair.access).kid as string)
    kept.push(pair.access)
    const old = kept[Math.floor(Math.random() * kept.length)] as string
    for (const token of [pair.access, pair.refresh, old]) {
      for (const { service, verify } of verifiers) {
        if (token !== pair.refresh) await check(log, 'offline', () => verify(token))
        if (token !== old || turn % 4 === 0)
          await check(log, 'verify', () => expect200(postTo(`${service.url}/api/token/verify/`, { token })))
      }
    }
    await sleep(PAUSE_MS)
  }
}

/** The operator of a service with these settings, in this process. */
export async function operatorOf(t: Cleanup, env: Record<string, string>) {
  const config = loadConfig(env)
  const operator = { db: await openDatabase(config.databaseUrl), config, ...systemClock(), secrets: new Secrets(config) }
  t.teardown(() => operator.db.close())
  return operator
}

/** Lets users refresh at all services and check their tokens there and offline, while other work goes on. @returns the keys that signed */
export async function useAll(
  t: Test,
  services: readonly Service[],
  runMs: number,
  beside: (isOver: () => boolean) => Promise<void>,
): Promise<ReadonlySet<string>> {
  const log: Log = { failures: [], kids: new Set(), checks: 0 }
  const end = performance.now() + runMs
  const isOver = () => performance.now() > end
  const users = Array.from({ length: CLIENTS }, (_, index) => use(services, `user-${index}`, isOver, log))
  await Promise.all([...users, beside(isOver)])
  t.same(log.failures.slice(0, 10), [])
  t.equal(log.failures.length, 0)
  t.comment(`${log.checks} checks, ${log.kids.size} keys signed`)
  return log.kids
}

/** The least time between two new keys of one kind, and how many were made, where they are made by time alone. */
export function intervals(keys: readonly KeyInfo[], use: KeyInfo['use']): { count: number; leastMs: number } {
  const made = keys.filter((key) => key.use === use).map(({ createdAt }) => createdAt)
  // The first two of access tokens are made together: one signs, the other waits.
  const after = made.sort((a, b) => a - b).slice(use === 'access' ? 1 : 0)
  return { count: made.length, leastMs: Math.min(...after.slice(1).map((at, index) => at - (after[index] as number))) }
}
