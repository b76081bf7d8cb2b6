// Not on PostgreSQL: it is about the document, and the client that is made from it.
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createClient } from '@hey-api/openapi-ts'
import t, { type Test } from 'tap'
import { createClient as createServiceClient } from '../../domain/accounts/clients.ts'
import { build, type TestApp } from '../helper.ts'
import { setFlags } from '../operator.ts'

const run = promisify(execFile)
const repository = join(import.meta.dirname, '..', '..')

/** What imports the generated client can only be imported after that, under a name that tsc does not resolve. */
async function generate() {
  await createClient({
    input: join(repository, 'openapi.json'),
    output: { path: join(import.meta.dirname, 'generated'), importFileExtension: '.ts' },
    plugins: ['@hey-api/client-fetch', '@hey-api/typescript', '@hey-api/sdk'],
    logs: { level: 'silent', file: false },
  })
  const load = (name: string) => import(new URL(name, import.meta.url).href)
  return { tour: await load('tour.ts'), testCarefulClient: (await load('careful-cases.ts')).testCarefulClient }
}

async function listen(t: Test, env: Record<string, string> = {}) {
  const app = await build(t, env)
  return { app, url: await app.listen({ host: '127.0.0.1', port: 0 }) }
}

function operator(app: TestApp) {
  const { db } = app
  return {
    createClient: () => createServiceClient(app, 'api'),
    promote: (username: string) => setFlags(app, username, { isStaff: true, isSuperuser: true }),
    setActive: (username: string, isActive: boolean) =>
      db.write((handle) =>
        handle
          .updateTable('users')
          .set({ is_active: isActive ? 1 : 0 })
          .where('username', '=', username)
          .execute(),
      ),
    remove: (username: string) =>
      db.write(async (handle) => {
        await handle
          .deleteFrom('sessions')
          .where('user_id', 'in', handle.selectFrom('users').select('id').where('username', '=', username))
          .execute()
        await handle.deleteFrom('users').where('username', '=', username).execute()
      }),
  }
}

t.test('a client generated from openapi.json', async (t) => {
  const { tour, testCarefulClient } = await generate()

  await t.test('compiles under strict', async (t) => {
    const config = JSON.parse(await readFile(join(repository, 'tsconfig.json'), 'utf8'))
    t.equal(config.compilerOptions.strict, true)
    await run(process.execPath, [join(repository, 'node_modules/typescript/bin/tsc'), '-p', import.meta.dirname])
  })

  const { app, url } = await listen(t)
  const closed = await listen(t, { REGISTRATION: 'closed' })

  await t.test('walks the whole tour over a socket', async (t) => {
    t.same(await tour.succeed(url, operator(app)), {
      registered: 'User created successfully',
      login: 'Login successful',
      refreshed: true,
      again: 'Token is valid',
      verified: {},
      introspected: { username: 'testuser', token_type: 'access' },
      introspectedInBody: { active: false },
      header: 'User authenticated successfully',
      headerAndBody: 'User authenticated successfully',
      keys: [
        { alg: 'ES256', use: 'sig' },
        { alg: 'ES256', use: 'sig' },
      ],
      metadata: ['ES256'],
      live: 'ok',
      ready: 'ok',
      account: {
        me: 'passing',
        sessions: 4,
        ended: [204, 204],
        refused: ['token_not_valid', 'token_not_valid'],
        blacklisted: {},
        revoked: {},
        deleted: {},
      },
      administration: {
        last_login: null,
        ended: [204, 204],
        sessions: 0,
        found: ['guest'],
        next: null,
        renamed: 'visitor',
        password: {},
        isStaff: true,
        deleted: {},
        events: ['user_deleted', 'password_set', 'user_changed'],
      },
    })
  })

  await t.test('returns every error with its typed code', async (t) => {
    t.same(await tour.fail(url, closed.url, operator(app)), {
      codes: {
        registerUser: ['invalid', 'registration_closed', 'payload_too_large'],
        logIn: ['invalid', 'invalid_credentials', 'parse_error', 'unsupported_media_type'],
        obtainTokenPair: ['no_active_account'],
        refreshToken: ['token_not_valid'],
        verifyToken: ['token_not_valid'],
        refreshAndVerifyToken: ['token_not_valid'],
        introspectToken: ['invalid_client', 'invalid_request'],
        authenticateByHeader: [
          'token_not_valid',
          'not_authenticated',
          'bad_authorization_header',
          'authorization_header_required',
          'invalid_credentials',
          'token_user_mismatch',
        ],
        disabled: ['no_active_account', 'user_inactive'],
        deleted: ['user_not_found'],
      },
      fields: {
        username: ['user login with this username already exists.'],
        password: [
          'This password is too short. It must contain at least 8 characters.',
          'This password is too common.',
          'This password is entirely numeric.',
        ],
      },
      messages: ['Token is invalid or expired'],
    })
  })
  await t.test('carries a careful client, the one of docs/clients.md', (t) =>
    testCarefulClient(t, async (t: Test, env?: Record<string, string>) => {
      const { app, url } = await listen(t, env)
      return { url, advance: app.clock.advance }
    }),
  )
})
