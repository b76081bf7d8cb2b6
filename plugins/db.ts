import fp from 'fastify-plugin'
import type { Database } from '../db/database.ts'
import { openDatabase } from '../db/open.ts'

declare module 'fastify' {
  interface FastifyInstance {
    db: Database
  }
}

/** `app.db`: the database of `DATABASE_URL`, which is closed after the last answer. One that cannot be written ends the start. */
export default fp(
  async (app) => {
    const db = await openDatabase(app.config.databaseUrl)
    try {
      await db.check()
    } catch (error) {
      await db.close()
      throw error
    }
    app.decorate('db', db)
    app.addHook('onClose', () => db.close())
  },
  { name: 'db' },
)
