import { randomUUID } from 'node:crypto'
import type { Test } from 'tap'
import { loadConfig } from '../../../config.ts'
import type { Database } from '../../../db/database.ts'
import { openSqliteDatabase } from '../../../db/sqlite/database.ts'
import { DatabaseKeyRing } from '../../../domain/keys/ring.ts'
import { checkKeys, type KeyContext, keyTools } from '../../../domain/keys/upkeep.ts'
import { Tokens } from '../../../domain/tokens/tokens.ts'
import { START } from '../../helper.ts'
import { folder } from '../../server/process.ts'

/** One process of several on a database: it looks at the keys when it is told to. */
export interface Process extends KeyContext {
  readonly ring: DatabaseKeyRing
  readonly tokens: Tokens
  /** What it could not do. */
  readonly errors: unknown[]
  /** An access token of a session that nobody knows. */
  issue(): string
  /** Whether a token is good for its key; its session is not asked for. */
  accepts(token: string): Promise<boolean>
  /** Looks, and does what is due. */
  tick(): Promise<void>
}

/** Some processes on one database, and the time of day for all of them. */
export interface Site {
  readonly file: string
  now: number
  /** Starts a process, with a connection of its own. */
  start(env?: Record<string, string>): Promise<Process>
  /** What a process works with before it starts, for the operator's commands. */
  context(env?: Record<string, string>): Promise<KeyContext>
}

export async function openSite(t: Pick<Test, 'teardown'>): Promise<Site> {
  const file = `${folder(t)}/latchkey.db`
  const databases: Database[] = []
  t.teardown(() => Promise.all(databases.map((db) => db.close())))
  const site: Site = {
    file,
    now: START,
    async context(env = {}) {
      const db = await openSqliteDatabase(file)
      databases.push(db)
      return { db, config: loadConfig(env), clock: () => site.now }
    },
    start: async (env) => startProcess(await site.context(env)),
  }
  return site
}

async function startProcess(context: KeyContext): Promise<Process> {
  const errors: unknown[] = []
  const tools = keyTools(context)
  const ring = new DatabaseKeyRing(tools, (error) => errors.push(error))
  const config = context.config as ReturnType<typeof loadConfig>
  const tokens = new Tokens(ring, config, context.clock)
  const tick = async () => {
    await ring.look()
    await ring.keepUp()
  }
  checkKeys(await context.db.read.selectFrom('signing_keys').selectAll().execute(), tools)
  await tick()
  const issue = () => {
    const iat = Math.floor(context.clock() / 1000)
    return tokens.issue('access', { userId: 1, sessionId: 1 }, { jti: randomUUID(), iat, exp: iat + config.accessTokenTtlSeconds })
  }
  return {
    ...context,
    ring,
    tokens,
    errors,
    tick,
    issue,
    accepts: (token) =>
      tokens.verify(token).then(
        () => true,
        () => false,
      ),
  }
}
