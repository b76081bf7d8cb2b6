import t from 'tap'
import { buildApp } from '../../app.ts'
import { loadConfig } from '../../config.ts'
import { databaseUrl } from '../databases.ts'

t.test('a request keeps the code of its problem until it is answered', async (t) => {
  const app = await buildApp({ config: loadConfig({ DATABASE_URL: await databaseUrl(t), LOG_LEVEL: 'silent' }) })
  t.teardown(() => app.close())
  const codes: unknown[] = []
  app.addHook('onResponse', async (request) => void codes.push(request.problemCode))
  await app.inject('/health/live')
  await app.inject('/nowhere')
  await app.inject({ method: 'POST', url: '/api/token/', payload: {} })
  t.strictSame(codes, [undefined, 'not_found', 'invalid'])
})
