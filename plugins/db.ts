import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { openingOf } from '../config.ts'
import type { Database } from '../db/database.ts'
import { openDatabase } from '../db/open.ts'

/** What starts beside us may take longer: a database in a container of its own. */
const WAIT_MS = 30_000

declare module 'fastify' {
  interface FastifyInstance {
    db: Database
  }
}

/**
 * `app.db`: the database of `DATABASE_URL`, which is closed after the last answer. One that cannot be written ends the start. The log tells
 * of an upgrade before and after it.
 */
export default fp(
  async (app) => {
    const db = await open(app)
    app.decorate('db', db)
    app.addHook('onClose', () => db.close())
  },
  { name: 'db' },
)

/** @throws {DatabaseUnavailable} when it cannot be opened, read or written */
async function open({ config, log, monotonic }: FastifyInstance): Promise<Database> {
  let began: number | undefined
  const db = await openDatabase(config.databaseUrl, {
    ...openingOf(config),
    waitMs: WAIT_MS,
    onWait: (reason) => log.warn(`the database is waited for: ${reason}`),
    onUpgrade: (migrations) => {
      began = monotonic()
      log.info({ migrations }, 'the tables of the database are brought up to date')
    },
  })
  if (began !== undefined) log.info({ ms: Math.round(monotonic() - began) }, 'the tables of the database are up to date')
  try {
    await db.check()
    return db
  } catch (error) {
    await db.close()
    throw error
  }
}
