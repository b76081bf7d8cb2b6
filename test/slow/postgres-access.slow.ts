import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { logIn, register } from '../../harness/requests.ts'
import { PASSWORD } from '../helper.ts'
import { bare, folder, run, startInVain } from '../server/process.ts'
import { makeCertificates } from './postgres/certificates.ts'
import { settings, startInstances } from './postgres/instances.ts'
import { Probes } from './postgres/probes.ts'
import { ROLE, type Server, startServer } from './postgres/server.ts'
import { pairOf } from './two-processes.ts'

const ONLY_TLS = 'hostssl all all all scram-sha-256'

/** Starts an instance that serves. */
async function serves(t: Test, url: string, env: Record<string, string> = {}) {
  const together = await startInstances(t, url, 1, env)
  const name = `user-${performance.now()}`
  t.equal((await together.any(register(name, PASSWORD))).status, 201)
  await pairOf(together.any(logIn(name, PASSWORD)))
  return together
}

async function refused(t: Test, url: string, reason: RegExp, env: Record<string, string> = {}): Promise<void> {
  const { code, stderr } = await startInVain(t, settings(url, env))
  t.equal(code, 1)
  t.match(stderr, /^latchkey cannot start: DATABASE_URL[^\n]*\n$/)
  t.match(stderr, reason)
}

/** How many connections the service's role has, and whether all are encrypted. */
function connections(server: Server) {
  return server.sql(
    `select count(*) > 0 as some, bool_and(ssl) as encrypted from pg_stat_ssl join pg_stat_activity using (pid) where usename = '${ROLE}'`,
  )
}

t.test('with sslmode=require all connections are encrypted, and with sslmode=disable none is made where that is asked for', async (t) => {
  const server = await startServer(t, { settings: makeCertificates(t, 'localhost').settings, access: ONLY_TLS })
  await refused(t, server.url({ parameters: 'sslmode=disable' }), /no encryption/)
  await serves(t, server.url({ parameters: 'sslmode=require' }))
  t.same(await connections(server), [{ some: true, encrypted: true }])
})

t.test('with sslmode=verify-full a server is trusted by the authority of sslrootcert and its host name alone', async (t) => {
  const { settings: tls, authority } = makeCertificates(t, 'localhost')
  const { authority: other } = makeCertificates(t, 'localhost')
  const server = await startServer(t, { settings: tls, access: ONLY_TLS })
  const url = (host: string, root: string) => server.url({ host, parameters: `sslmode=verify-full&sslrootcert=${root}` })
  await serves(t, url('localhost', authority))
  t.same(await connections(server), [{ some: true, encrypted: true }])
  await refused(t, url('127.0.0.1', authority), /127\.0\.0\.1/)
  await refused(t, url('localhost', other), /certificate/)
  await refused(t, url('localhost', '/nowhere/ca.crt'), /sslrootcert|\/nowhere\/ca\.crt/)
})

t.test('the service reaches PostgreSQL over a Unix socket', async (t) => {
  const server = await startServer(t)
  await serves(t, server.url({ host: server.place }))
})

t.test('a password that is changed in DATABASE_URL_FILE is used for new connections, without a restart', async (t) => {
  const server = await startServer(t)
  const file = join(folder(t), 'url')
  writeFileSync(file, server.url())
  const together = await startInstances(t, server.url(), 1, { DATABASE_URL_FILE: file })
  const probes = await Probes.start(together)
  await probes.outlive(t, 'the password is changed', {
    async begin() {
      await server.sql(`alter role ${ROLE} password 'another horse'`)
      await server.sql(`select pg_terminate_backend(pid) from pg_stat_activity where usename = '${ROLE}'`)
    },
    end: () => writeFileSync(file, server.url({ password: 'another horse' })),
  })
  await probes.stop()
})

t.test('the owner of the tables migrates, and a role that may only read and write rows serves', async (t) => {
  const server = await startServer(t)
  await server.sql(`create role serving login password 'serving horse'; create schema auth authorization ${ROLE}; grant usage on schema auth to serving;
    alter default privileges for role ${ROLE} in schema auth grant select, insert, update, delete on tables to serving;
    alter default privileges for role ${ROLE} in schema auth grant usage on sequences to serving`)
  const schema = { DATABASE_SCHEMA: 'auth' }
  const url = server.url({ user: 'serving', password: 'serving horse' })
  await refused(t, url, /permission|latchkey migrate/, schema)
  const migrated = await run(t, { DATABASE_URL: server.url(), ...schema }, bare(process.execPath, 'cli.ts', 'migrate'))
  t.match(migrated, { code: 0, stdout: /001-users-sessions-keys/ })
  const again = await run(t, { DATABASE_URL: server.url(), ...schema }, bare(process.execPath, 'cli.ts', 'migrate'))
  t.match(again, { code: 0, stdout: 'the tables were up to date\n' })
  const finished = await run(t, { DATABASE_URL: url, ...schema }, bare(process.execPath, 'cli.ts', 'restore', '--finish'))
  t.match(finished, { code: 1, stderr: /^latchkey: DATABASE_URL: only the owner of the tables may raise the ids: [^\n]+\n$/ })
  const check = () => run(t, settings(url, schema), bare(process.execPath, 'cli.ts', 'check'))
  t.match(await check(), { code: 0, stderr: '' })
  await server.sql('revoke delete, update on auth.clients from serving')
  t.match(await check(), { code: 1, stdout: /^database +wrong +its role may not delete, update rows of clients$/m, stderr: '' })
  await server.sql('grant delete, update on auth.clients to serving')
  const together = await startInstances(t, url, 2, schema)
  const probes = await Probes.start(together)
  const answers = await probes.stop()
  t.ok(answers.every(({ isGood }) => isGood))
  t.same(await server.column("select distinct schemaname from pg_tables where tablename = 'users'"), ['auth'])
})
