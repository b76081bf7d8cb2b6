import { mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { buildApp } from '../../app.ts'
import { loadConfig } from '../../config.ts'
import { sharedCompilers } from '../compilers.ts'
import { databaseUrl } from '../databases.ts'

const MIB = 1024 * 1024

/** An app whose database says that its log has `log.bytes`, with the warnings of the app and the count of its tidyings. */
async function tidied(t: Test) {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  let elapsed = 0
  const app = await buildApp({
    config: loadConfig({ DATABASE_URL: await databaseUrl(t), LOG_LEVEL: 'silent' }),
    clock: () => 0,
    monotonic: () => elapsed,
    schemaController: { compilersFactory: sharedCompilers },
  })
  t.teardown(() => app.close())
  const log = { bytes: 0, tidyings: 0 }
  const warnings: unknown[] = []
  app.log.warn = ((details: object, message: string) => void warnings.push([details, message])) as never
  Object.defineProperty(app.db, 'stats', { get: () => ({ waiting: 0, refused: 0, logBytes: log.bytes }) })
  app.db.tidy = async () => log.tidyings++ >= 0
  await app.ready()
  const pass = async (seconds: number) => {
    for (let i = 0; i < seconds; i += 2) {
      elapsed += 2000
      mock.timers.tick(2000)
      await turn()
    }
  }
  return { app, log, warnings, pass }
}

t.test('the database is tidied every two seconds', async (t) => {
  const { log, pass } = await tidied(t)
  await pass(20)
  t.equal(log.tidyings, 10)
})

t.test('when the service has ended nothing is tidied', async (t) => {
  const { app, log, pass } = await tidied(t)
  await pass(4)
  await app.close()
  await pass(20)
  t.equal(log.tidyings, 2)
})

t.test('a long log is warned of, too, when it cannot be cut, for the disk is full', async (t) => {
  const { log, warnings, pass, app } = await tidied(t)
  app.db.tidy = async () => {
    throw new Error('SQLITE_FULL')
  }
  log.bytes = 80 * MIB
  await pass(20)
  t.match(warnings, [
    [{}, /^the write-ahead log of the database has 80 MiB/],
    [{ err: Error }, /could not be cut$/],
  ])
})

t.test('a log of more than 64 MiB is warned of within some seconds, and again after ten minutes', async (t) => {
  const { log, warnings, pass } = await tidied(t)
  log.bytes = 64 * MIB
  await pass(20)
  t.same(warnings, [])
  log.bytes = 80 * MIB
  await pass(2)
  t.match(warnings, [[{ logBytes: 80 * MIB }, /^the write-ahead log of the database has 80 MiB and grows .* disk is full: .* backup/]])
  await pass(590)
  t.equal(warnings.length, 1)
  await pass(20)
  t.equal(warnings.length, 2)
})
