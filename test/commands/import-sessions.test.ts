import t, { type Test } from 'tap'
import { databaseUrl } from '../databases.ts'
import { PASSWORD } from '../helper.ts'
import { serve } from '../server/in-process.ts'
import { postTo } from '../server/process.ts'
import { blacklist, djangoFile, HASH } from './django-file.ts'
import { importDjango, withDatabase } from './import.ts'
import { asJson, latchkey } from './latchkey.ts'

const CHEAP = { ARGON2_MEMORY_KIB: '1024', ARGON2_ITERATIONS: '1' }

interface Tokens {
  readonly access: string
  readonly refresh: string
}

const credentials = { username: 'alice', password: PASSWORD }

/** A service on a database into which alice has been imported, and her tokens. */
async function imported(t: Test) {
  const url = await databaseUrl(t)
  const { url: service } = await serve(t, { DATABASE_URL: url, ...CHEAP })
  const { django, source } = djangoFile(t, [{ id: 7, username: 'alice' }])
  django.exec(`update auth_user set password = '${await aHash(t)}'`)
  await importDjango(t, url, source, '--commit')
  const logIn = async () => (await postTo(`${service}/api/token/`, credentials)) as { status: number; body: Tokens }
  const { status, body } = await logIn()
  t.equal(status, 200)
  const verify = async () => (await postTo(`${service}/api/token/verify/`, { token: body.access })).status
  return { url, service, django, source, tokens: body, verify, logIn }
}

/** A hash of the password. */
async function aHash(t: Test): Promise<string> {
  const url = await databaseUrl(t)
  const { url: service } = await serve(t, { DATABASE_URL: url, ...CHEAP })
  t.equal((await postTo(`${service}/api/users/`, credentials)).status, 201)
  return withDatabase(url, async (handle) => (await handle.selectFrom('users').select('password').executeTakeFirstOrThrow()).password)
}

async function events(t: Test, url: string): Promise<(string | null)[][]> {
  const all = (await asJson(t, latchkey(url, 'events', '--user', 'alice', '--json'))) as { kind: string; reason: string | null }[]
  return all.map(({ kind, reason }) => [kind, reason]).toReversed()
}

t.test(
  'who is disabled in Django has no session here after an import, with the events, and may log in again when enabled there',
  async (t) => {
    const { url, django, source, verify, logIn } = await imported(t)
    django.exec('update auth_user set is_active = 0')
    await importDjango(t, url, source)
    t.equal(await verify(), 200, 'a dry run ends nothing')
    await importDjango(t, url, source, '--commit')
    t.equal(await verify(), 401)
    t.equal((await logIn()).status, 401)
    t.strictSame((await events(t, url)).slice(0, 3), [
      ['login', null],
      ['session_ended', 'user_disabled'],
      ['user_disabled', null],
    ])
    django.exec('update auth_user set is_active = 1')
    await importDjango(t, url, source, '--commit')
    t.equal(await verify(), 401)
    t.equal((await logIn()).status, 200)
  },
)

t.test('who has another password in Django has no session here after an import, but an import of anything else ends none', async (t) => {
  const { url, django, source, verify } = await imported(t)
  django.exec(`update auth_user set email = 'new@example.com', last_login = '2026-01-01 00:00:00'`)
  await importDjango(t, url, source, '--commit')
  t.equal(await verify(), 200)
  django.exec(`update auth_user set password = '${HASH}'`)
  await importDjango(t, url, source, '--commit')
  t.equal(await verify(), 401)
  t.strictSame(await events(t, url), [
    ['login', null],
    ['session_ended', 'password_changed'],
  ])
})

t.test('unused tokens of who has another password in Django go on, for they may be of a login with that', async (t) => {
  const { url, django, source, verify } = await imported(t)
  django.exec(`update auth_user set password = '${HASH}'`)
  await importDjango(t, url, source, '--commit')
  t.equal(await verify(), 401)
  const [user] = await withDatabase(url, (handle) => handle.selectFrom('users').select('tokens_revoked_at').execute())
  t.strictSame(user, { tokens_revoked_at: null })
})

t.test('a token that was revoked in Django after it had become a session here ends that session', async (t) => {
  const { url, django, source, verify } = await imported(t)
  await withDatabase(url, async (handle) => {
    const { id } = await handle.selectFrom('sessions').select('id').executeTakeFirstOrThrow()
    await handle.insertInto('legacy_tokens').values({ jti: 'used', user_id: 7, session_id: id, expires_at: 32_503_680_000_000 }).execute()
  })
  await importDjango(t, url, source, '--commit')
  t.equal(await verify(), 200)
  blacklist(django, { jti: 'used', user_id: 7, expires_at: '3000-01-01 00:00:00' })
  await importDjango(t, url, source, '--commit')
  t.equal(await verify(), 401)
})

t.test('users who register while an import runs get ids behind those of Django', async (t) => {
  const url = await databaseUrl(t)
  const { url: service } = await serve(t, { DATABASE_URL: url, REGISTRATIONS_PER_ADDRESS: '1000', ...CHEAP })
  const users = Array.from({ length: 1000 }, (_, index) => ({ id: index + 1, username: `user-${index}` }))
  const { source } = djangoFile(t, users)
  let isOver = false
  const running = importDjango(t, url, source, '--commit').finally(() => {
    isOver = true
  })
  const statuses: number[] = []
  for (let number = 0; !isOver && number < 20; number++) {
    const { status } = await postTo(`${service}/api/users/`, { username: `registered-${number}`, password: PASSWORD })
    statuses.push(status)
  }
  const { users: counts, rows } = await running
  t.ok(statuses.every((status) => status === 201))
  // Who registers before the first page may have an id of Django's.
  t.equal(counts.new + counts.left_out, 1000)
  t.ok(rows.every(({ reasons }) => reasons.join() === 'id_taken'))
  const registered = await withDatabase(url, (handle) =>
    handle.selectFrom('users').select('id').where('imported_at', 'is', null).orderBy('id').execute(),
  )
  t.equal(registered.filter(({ id }) => id <= 1000).length, counts.left_out)
})
