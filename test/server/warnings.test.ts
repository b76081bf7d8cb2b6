// Not on PostgreSQL: it is about HTTP alone.
import t, { type Test } from 'tap'
import { databaseUrl } from '../databases.ts'
import { postTo, start } from './process.ts'

const KEY = Buffer.alloc(32, 'hunter2').toString('base64')

function tomorrow(): string {
  return new Date(Date.now() + 86_400_000).toISOString()
}

/** What a service writes between its start and its end, with three requests that claim to come through a proxy. */
async function outputWith(t: Test, env: Record<string, string>): Promise<string> {
  const service = await start(t, { DATABASE_URL: await databaseUrl(t), ...env })
  for (let i = 0; i < 3; i++) await postTo(`${service.url}/api/token/`, {}, { 'x-forwarded-for': '192.0.2.1' })
  await service.stop()
  return service.output()
}

t.test('the warnings of a start', async (t) => {
  const [plain, careless, careful] = await Promise.all([
    outputWith(t, {}),
    outputWith(t, { LIMITS: 'off', LEGACY_JWT_SECRET: `django-insecure-${KEY}`, LEGACY_JWT_UNTIL: '2026-01-01' }),
    outputWith(t, { SECRETS_KEY: KEY, TRUST_PROXY: '10.0.0.0/8', LEGACY_JWT_SECRET: KEY, LEGACY_JWT_UNTIL: tomorrow() }),
  ])

  await t.test('a start with LIMITS=off warns, and one with limits does not', async (t) => {
    t.match(careless, /"level":40,.*"msg":"LIMITS=off: passwords can be guessed as fast as they are hashed"/)
    t.notMatch(plain, 'LIMITS')
  })

  await t.test('a start without SECRETS_KEY warns, and one with it does not', async (t) => {
    t.match(plain, 'SECRETS_KEY is not set: the signing keys are not encrypted in the database')
    t.notMatch(careful, 'SECRETS_KEY')
    t.notMatch(careful, KEY)
  })

  await t.test('a start warns of a LEGACY_JWT_SECRET that startproject has made, and when LEGACY_JWT_UNTIL has passed', async (t) => {
    t.match(careless, /"level":40,.*"msg":"LEGACY_JWT_SECRET begins with django-insecure-: whoever has seen /)
    t.match(careless, /"level":40,.*"msg":"LEGACY_JWT_UNTIL has passed: tokens of the system before are refused, /)
    t.notMatch(careless, KEY)
    for (const output of [plain, careful]) t.notMatch(output, 'LEGACY_JWT')
  })

  await t.test('X-Forwarded-For without TRUST_PROXY is warned of', async (t) => {
    const warnings = (output: string) => output.split('\n').filter((line) => line.includes('X-Forwarded-For'))
    t.match(warnings(plain), [
      /"level":40,.*"requests":1,"msg":"X-Forwarded-For, Forwarded and X-Real-IP are ignored, for TRUST_PROXY is not set: all clients of a proxy count as one"/,
    ])
    t.same(warnings(careful), [])
  })
})
