import { mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { buildApp } from '../../app.ts'
import { loadConfig } from '../../config.ts'
import { DatabaseLost } from '../../db/errors.ts'
import { sharedCompilers } from '../compilers.ts'
import { databaseUrl } from '../databases.ts'

/** An app whose database is looked for by `seen.look`, and what it logs as a warning or an error. */
async function watched(t: Test) {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const app = await buildApp({
    config: loadConfig({ DATABASE_URL: await databaseUrl(t), LOG_LEVEL: 'silent' }),
    clock: () => 0,
    schemaController: { compilersFactory: sharedCompilers },
  })
  t.teardown(() => app.close())
  const lines: unknown[] = []
  for (const level of ['warn', 'error'] as const) app.log[level] = ((line: unknown) => void lines.push([level, line])) as never
  const seen = { looks: 0, look: async (): Promise<string | undefined> => undefined }
  app.db.look = () => {
    seen.looks++
    return seen.look()
  }
  await app.ready()
  const pass = async (seconds: number) => {
    for (let i = 0; i < seconds; i += 2) {
      mock.timers.tick(2000)
      await turn()
    }
  }
  return { app, seen, lines, pass }
}

t.test('the database is looked for every two seconds, without a word, until the service ends', async (t) => {
  const { app, seen, lines, pass } = await watched(t)
  await pass(20)
  t.equal(seen.looks, 10)
  await app.close()
  await pass(20)
  t.equal(seen.looks, 10)
  t.same(lines, [])
})

t.test('that the database is lost is one line, an error', async (t) => {
  const { seen, lines, pass } = await watched(t)
  seen.look = async () => {
    throw new DatabaseLost('/data/latchkey.db was replaced', 'Restart it')
  }
  await pass(20)
  t.same(lines, [['error', 'the database is lost: /data/latchkey.db was replaced. Restart it']])
})

t.test('what keeps one from looking is one warning, as long as it is the same', async (t) => {
  const { seen, lines, pass } = await watched(t)
  seen.look = async () => '/data/latchkey.db: the disk fails (EIO)'
  await pass(10)
  seen.look = async () => undefined
  await pass(10)
  seen.look = async () => '/data/latchkey.db: this user may not use it (EACCES)'
  await pass(10)
  t.same(lines, [
    ['warn', 'nobody can see whether the database is still in its place: /data/latchkey.db: the disk fails (EIO)'],
    ['warn', 'nobody can see whether the database is still in its place: /data/latchkey.db: this user may not use it (EACCES)'],
  ])
})
