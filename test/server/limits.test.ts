import t from 'tap'
import { databaseUrl } from '../databases.ts'
import { PASSWORD } from '../helper.ts'
import { type Served, serve } from './in-process.ts'
import { postTo } from './process.ts'

t.test('failed logins are counted together by all services on a database, and still count after a restart', async (t) => {
  const env = { DATABASE_URL: await databaseUrl(t) }
  const guess = async ({ url }: Served) => (await postTo(`${url}/api/token/`, { username: 'alice', password: `not ${PASSWORD}` })).status
  const first = await serve(t, env)
  const second = await serve(t, env)
  for (let i = 0; i < 9; i++) t.equal(await guess(i % 2 ? first : second), 401)
  await Promise.all([first.close(), second.close()])
  const third = await serve(t, env)
  t.equal(await guess(third), 401, 'the tenth')
  t.equal(await guess(third), 429)
})
