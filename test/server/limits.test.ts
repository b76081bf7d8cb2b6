import t from 'tap'
import { PASSWORD } from '../helper.ts'
import { folder, postTo, type Service, start } from './process.ts'

t.test('failed logins are counted together by all processes, and still count after a restart', async (t) => {
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
