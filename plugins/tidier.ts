import fp from 'fastify-plugin'
import { repeat } from '../domain/repetition.ts'

const EVERY_MS = 2000
const MIB = 1024 * 1024
/** Many times what the log has while nobody reads for long. */
const WARN_AT_BYTES = 64 * MIB
const WARN_EVERY_MS = 600_000

/** Keeps the database's log of writes short, and warns, once in ten minutes at most, while it cannot. */
export default fp(
  async (app) => {
    let warnedAt = Number.NEGATIVE_INFINITY
    const warnOfLongLog = () => {
      const { logBytes } = app.db.stats
      if (logBytes <= WARN_AT_BYTES || app.monotonic() - warnedAt < WARN_EVERY_MS) return
      warnedAt = app.monotonic()
      app.log.warn(
        { logBytes },
        `the write-ahead log of the database has ${Math.round(logBytes / MIB)} MiB and grows with every write, until the disk is full: a ` +
          'transaction of another process that stays open, such as a backup or an sqlite3 shell, keeps it from being cut. End that one',
      )
    }
    const end = repeat(
      async () => {
        try {
          await app.db.tidy()
        } finally {
          warnOfLongLog()
        }
      },
      EVERY_MS,
      (error) => app.log.warn({ err: error }, 'the write-ahead log of the database could not be cut'),
    )
    app.addHook('onClose', end)
  },
  { name: 'tidier', dependencies: ['db'] },
)
