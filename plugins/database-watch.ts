import fp from 'fastify-plugin'
import { repeat } from '../domain/repetition.ts'

const EVERY_MS = 2000

/** Looks whether the database is still where it was opened, and says once what has become of it, or what keeps one from looking. */
export default fp(
  async (app) => {
    let said: string | undefined
    const look = async () => {
      const complaint = await app.db.look()
      if (complaint !== undefined && complaint !== said) {
        app.log.warn(`nobody can see whether the database is still in its place: ${complaint}`)
      }
      said = complaint
    }
    const end = repeat(look, EVERY_MS, (error) => app.log.error(`the database is lost: ${(error as Error).message}`))
    app.addHook('onClose', end)
  },
  { name: 'database-watch', dependencies: ['db'] },
)
