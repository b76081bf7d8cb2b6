import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import pg from 'pg'
import t, { type Test } from 'tap'
import { hand } from '../../harness/postgres-programs.ts'
import { folder } from '../server/process.ts'
import { disk, fill, needsMount } from './mount.ts'
import { startInstances } from './postgres/instances.ts'
import { type Link, openLink } from './postgres/link.ts'
import { KINDS, Probes } from './postgres/probes.ts'
import { type Server, startServer } from './postgres/server.ts'
import { promote, startStandby } from './postgres/standby.ts'

const INSTANCES = 2
const DISK = '128m'
/** Of which three are the superuser's. */
const MOST_CONNECTIONS = 30
const RESERVED = 3
const WRITES = ['refresh', 'logIn', 'register', 'ready'] as const

/** Instances that are asked for everything, over a link that can be cut or led elsewhere. */
async function probed(t: Test, server: Server): Promise<{ link: Link; probes: Probes }> {
  const link = await openLink(t, server.port)
  const together = await startInstances(t, server.url({ port: link.port }), INSTANCES)
  const probes = await Probes.start(together)
  t.teardown(() => probes.stop())
  return { link, probes }
}

t.test('while PostgreSQL is stopped, killed, frozen or out of reach everything is refused soon, and is good soon after', async (t) => {
  const server = await startServer(t)
  const { link, probes } = await probed(t, server)
  await probes.outlive(t, 'stopped', { begin: () => server.stop(), end: () => server.start() })
  await probes.outlive(t, 'killed', { begin: () => server.kill(), end: () => server.start() })
  await probes.outlive(t, 'frozen', { begin: () => server.freeze(), end: () => server.thaw() })
  await probes.outlive(t, 'frozen for longer', { begin: () => server.freeze(), end: () => server.thaw(), lastsMs: 5000 })
  await probes.outlive(t, 'silent', { begin: () => link.hold(), end: () => link.release() })
  await probes.outlive(t, 'no way to it', { begin: () => link.refuse(true), end: () => link.refuse(false) })
})

t.test('while PostgreSQL is read-only what writes is refused, and is good as soon as it may write again', async (t) => {
  const server = await startServer(t)
  const { probes } = await probed(t, server)
  await probes.outlive(t, 'read-only', {
    begin: () => server.configure({ default_transaction_read_only: 'on' }),
    end: () => server.configure({ default_transaction_read_only: 'off' }),
    refused: WRITES,
  })
})

t.test('while PostgreSQL has no connections left everything is refused soon, and is good soon after', async (t) => {
  const server = await startServer(t, { settings: { max_connections: MOST_CONNECTIONS + RESERVED } })
  const { link, probes } = await probed(t, server)
  let taken: readonly pg.Client[] = []
  await probes.outlive(t, 'no connections left', {
    async begin() {
      link.refuse(true)
      taken = await takeAll(server)
      link.refuse(false)
    },
    end: () => Promise.all(taken.map((client) => client.end())),
  })
})

/** Connects as the service's role until that is refused. */
async function takeAll(server: Server): Promise<pg.Client[]> {
  const taken: pg.Client[] = []
  for (;;) {
    const client = new pg.Client({ connectionString: server.url() })
    client.on('error', () => {})
    try {
      await client.connect()
      taken.push(client)
    } catch (error) {
      // Too many clients. Those of the service, which were cut, may still be ending.
      if ((error as { code?: string }).code !== '53300') throw error
      if (taken.length === MOST_CONNECTIONS) return taken
    }
  }
}

for (const what of ['files', 'files and log of writes'] as const) {
  const title = `while there is no space for PostgreSQL's ${what} what needs some is refused, and is good again when there is some`
  t.test(title, needsMount, async (t) => {
    const place = disk(t, DISK)
    hand(dirname(place))
    const log = what === 'files' ? { log: folder(t) } : {}
    const server = await startServer(t, { place, ...log, settings: { max_wal_size: "'4MB'", min_wal_size: "'2MB'" } })
    const { probes } = await probed(t, server)
    await probes.outlive(t, `no space for ${what}`, {
      begin: () => fill(`${place}/ballast`),
      // Where its log has no space, PostgreSQL ends all of its processes to recover, and itself when it cannot.
      async end() {
        rmSync(`${place}/ballast`)
        await server.revive()
      },
      refused: ['register'],
    })
  })
}

t.test('when a standby takes over, everything that was answered is there, and is good as soon as it is promoted', async (t) => {
  const primary = await startServer(t)
  const { link, probes } = await probed(t, primary)
  const standby = await startStandby(t, primary)
  // From here on an answer means that the standby has it, too.
  await primary.configure({ synchronous_standby_names: 'standby' })
  await probes.outlive(t, 'a standby is promoted', {
    async begin() {
      await primary.kill()
      link.target = standby.port
    },
    end: () => promote(standby),
    refused: WRITES,
  })
  const answers = await probes.stop()
  const registered = answers.filter(({ kind, isGood }) => kind === 'register' && isGood).length
  const [stored] = await standby.column<number>("select count(*)::int from users where username ~ '^probed-\\d+-\\d+$'")
  t.ok((stored as number) >= registered, `${registered} registrations were answered, ${stored} are there`)
})

t.test('connections that are cut under load cost nothing but 503, again and again', async (t) => {
  const server = await startServer(t)
  const { link, probes } = await probed(t, server)
  for (let round = 0; round < 20; round++) {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 100))
    link.cut()
  }
  const answers = await probes.stop()
  const others = answers.filter(({ isGood, answer }) => !isGood && answer.status !== 503)
  t.same(others, [])
  for (const kind of KINDS)
    t.ok(
      answers.some((one) => one.kind === kind && one.isGood),
      kind,
    )
})
