import { randomUUID } from 'node:crypto'
import type { Test } from 'tap'
import { loadConfig } from '../../../config.ts'
import type { Database } from '../../../db/database.ts'
import { openDatabase } from '../../../db/open.ts'
import { ClockWatch } from '../../../domain/clock.ts'
import type { Core } from '../../../domain/context.ts'
import { listKeys } from '../../../domain/keys/commands.ts'
import { DatabaseKeyRing } from '../../../domain/keys/ring.ts'
import { Secrets } from '../../../domain/keys/secrets.ts'
import { checkKeys } from '../../../domain/keys/upkeep.ts'
import type { TokenType } from '../../../domain/tokens/claims.ts'
import { IssuedClaims } from '../../../domain/tokens/issued-claims.ts'
import { Tokens } from '../../../domain/tokens/tokens.ts'
import { databaseUrl } from '../../databases.ts'
import { headerOf, START } from '../../helper.ts'

/** What the operator's commands and a service need to work with keys. */
export interface KeyCore extends Core {
  readonly secrets: Secrets
}

/** One process of several on a database. It reads the keys from the database only when a test calls `tick`. */
export interface Process extends KeyCore {
  readonly ring: DatabaseKeyRing
  readonly tokens: Tokens
  /** The errors of its key ring, in their order. */
  readonly errors: unknown[]
  /** The keys of the future that its key ring has told of. */
  readonly ofTheFuture: string[]
  /** A token of a session that is not in the database; of access unless said. */
  issue(type?: TokenType): string
  /** Whether the signature and claims of a token are good; its session is not looked up. */
  accepts(token: string): Promise<boolean>
  /** Reads the keys from the database, and makes or changes those that are due. */
  tick(): Promise<void>
}

/** Some processes on one database, with one clock for all of them. */
export interface Site {
  readonly url: string
  now: number
  /** Starts a process, with a connection of its own. */
  start(env?: Record<string, string>): Promise<Process>
  /** What the operator's commands need, without starting a process. */
  context(env?: Record<string, string>): Promise<KeyCore>
}

export async function openSite(t: Pick<Test, 'teardown'>): Promise<Site> {
  const url = await databaseUrl(t)
  const databases: Database[] = []
  t.teardown(() => Promise.all(databases.map((db) => db.close())))
  const site: Site = {
    url,
    now: START,
    async context(env = {}) {
      const db = await openDatabase(url)
      databases.push(db)
      const config = loadConfig(env)
      const clock = () => site.now
      return { db, config, clock, clockWatch: new ClockWatch(clock, clock), secrets: new Secrets(config) }
    },
    start: async (env) => startProcess(await site.context(env)),
  }
  return site
}

async function startProcess(core: KeyCore): Promise<Process> {
  const errors: unknown[] = []
  const ofTheFuture: string[] = []
  const ring = new DatabaseKeyRing(core, { onError: (error) => errors.push(error), onKeyOfTheFuture: (kid) => ofTheFuture.push(kid) })
  const tokens = new Tokens({ ...core, keys: ring, issuedClaims: new IssuedClaims(core) })
  const tick = async () => {
    await ring.look()
    await ring.keepUp()
  }
  checkKeys(await core.db.read.selectFrom('signing_keys').selectAll().execute(), core)
  await tick()
  const issue = (type: TokenType = 'access') => {
    const iat = Math.floor(core.clock() / 1000)
    const ttl = type === 'access' ? core.config.accessTokenTtlSeconds : core.config.refreshTokenTtlSeconds
    return tokens.issue(type, { userId: 1, sid: '1' }, { jti: randomUUID(), iat, exp: iat + ttl })
  }
  return {
    ...core,
    ring,
    tokens,
    errors,
    ofTheFuture,
    tick,
    issue,
    accepts: (token) =>
      tokens.verify(token).then(
        () => true,
        () => false,
      ),
  }
}

export const DAY = 86_400_000
export const SECRET = 'a secret of at least thirty-two bytes'
export const HS256 = { JWT_ALGORITHM: 'HS256', JWT_SECRET: SECRET }

/** The `kid` of a token. */
export function kidOf(token: string): string {
  return headerOf(token).kid as string
}

/** The `kid` of the next key of access tokens, which is published and waits. */
export async function nextKid(core: KeyCore): Promise<string> {
  return (await listKeys(core)).find(({ use, state }) => use === 'access' && state === 'pending')?.kid as string
}

/** All events of a database, in their order. */
export function events({ db }: KeyCore) {
  return db.read.selectFrom('auth_events').select(['kind', 'subject', 'at', 'address', 'user_id']).orderBy('id').execute()
}

/** An event of a key. */
export function event(kind: string, subject: string, at: number) {
  return { kind, subject, at, address: null, user_id: null }
}
