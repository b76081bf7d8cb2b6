import t from 'tap'
import { PASSWORD } from '../helper.ts'
import { folder, postTo, type Service, start } from './process.ts'

t.test('a start with LIMITS=off warns, and one with limits does not', async (t) => {
  const output = async (env: Record<string, string>) => {
    const service = await start(t, { DATABASE_URL: ':memory:', ...env })
    await service.stop()
    return service.output()
  }
  t.match(await output({ LIMITS: 'off' }), /"level":40,.*"msg":"LIMITS=off: passwords can be guessed as fast as they are hashed"/)
  t.notMatch(await output({}), 'LIMITS')
})

t.test('failures hold over a restart, and over processes', async (t) => {
  const env = { DATABASE_URL: `file:${folder(t)}/latchkey.db` }
  const guess = async ({ url }: Service) => (await postTo(`${url}/api/token/`, { username: 'alice', password: `not ${PASSWORD}` })).status
  const first = await start(t, env)
  const second = await start(t, env)
  for (let i = 0; i < 9; i++) t.equal(await guess(i % 2 ? first : second), 401)
  await Promise.all([first.stop(), second.stop()])
  const third = await start(t, env)
  t.equal(await guess(third), 401, 'the tenth')
  t.equal(await guess(third), 429)
})
