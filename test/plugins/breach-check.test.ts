import t from 'tap'
import { build } from '../helper.ts'
import { deadUrl } from '../range-server.ts'

t.test('a breach check that fails is warned of once a minute, also when the clock was set back', async (t) => {
  const app = await build(t, { BREACH_CHECK_URL: await deadUrl() })
  let warnings = 0
  // That the clock jumps is warned of, too.
  app.log.warn = ((_: unknown, message?: string) => {
    if (message?.includes('breach')) warnings++
  }) as never
  await app.breachCheck.isBreached('correct horse battery')
  app.clock.jump(-40 * 86_400)
  app.clock.advance(60)
  await app.breachCheck.isBreached('correct horse battery')
  t.equal(warnings, 2)
})
