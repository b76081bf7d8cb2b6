import { mock } from 'node:test'
import t from 'tap'
import { buildApp } from '../../app.ts'
import { loadConfig } from '../../config.ts'
import { sharedCompilers } from '../compilers.ts'
import { databaseUrl } from '../databases.ts'

t.test('a jump of the clock is warned of within some seconds, also when no request comes', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  let now = 0
  const app = await buildApp({
    config: loadConfig({ DATABASE_URL: await databaseUrl(t), LOG_LEVEL: 'silent' }),
    clock: () => now,
    monotonic: () => 0,
    schemaController: { compilersFactory: sharedCompilers },
  })
  t.teardown(() => app.close())
  const warnings: string[] = []
  app.log.warn = ((_details: object, message: string) => void warnings.push(message)) as never
  await app.ready()
  now = 3_600_000
  mock.timers.tick(5000)
  t.match(warnings, [/^the clock has jumped, 1 hour ahead: /])
})
