import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { freePorts } from '../../../harness/free-ports.ts'
import { family, hand, program, type Running, runProgram, signal, startProgram } from '../../../harness/postgres-programs.ts'
import { type Cleanup, folder } from '../../server/process.ts'

/** The role that the service connects as: the owner of its databases, and no superuser. */
export const ROLE = 'latchkey'
export const ROLE_PASSWORD = 'role horse battery'
const SUPERUSER = 'postgres'
const READY = /database system is ready to accept/

export interface ServerOptions {
  /** Lines of postgresql.conf beside the usual. */
  readonly settings?: Readonly<Record<string, string | number>>
  /** An empty folder for all of its files; one of its own otherwise. */
  readonly place?: string
  /** An empty folder for its log of writes; among the other files otherwise. */
  readonly log?: string
  /** The lines of pg_hba.conf about connections over TCP, where passwords alone are not enough. */
  readonly access?: string
}

/** How the service reaches a database, where that is not as usual. */
export interface Way {
  readonly database?: string
  readonly user?: string
  readonly password?: string
  readonly host?: string
  readonly port?: number
  /** Of the URL, as in `sslmode=require`. */
  readonly parameters?: string
}

/** Debian's PostgreSQL with files of its own, which asks for passwords and keeps what it has committed through a crash. */
export class Server {
  readonly port: number
  readonly place: string
  #running: Running | undefined

  constructor(place: string, port: number) {
    this.place = place
    this.port = port
  }

  get data(): string {
    return join(this.place, 'data')
  }

  /** The URL of a database of it. */
  url({
    database = 'latchkey',
    user = ROLE,
    password = ROLE_PASSWORD,
    host = '127.0.0.1',
    port = this.port,
    parameters,
  }: Way = {}): string {
    const address = host.startsWith('/') ? '' : `${host}:${port}`
    const rest = host.startsWith('/') ? `host=${host}&port=${port}` : (parameters ?? 'sslmode=disable')
    return `postgres://${user}:${encodeURIComponent(password)}@${address}/${database}?${rest}`
  }

  /** Runs SQL as the superuser, over the Unix socket. @returns the rows, of several statements those of the last */
  async sql<Row = Record<string, unknown>>(text: string, database = 'latchkey'): Promise<Row[]> {
    const client = new pg.Client({ host: this.place, port: this.port, user: SUPERUSER, password: ROLE_PASSWORD, database })
    client.on('error', () => {})
    await client.connect()
    try {
      const result = (await client.query(text)) as unknown as pg.QueryResult | pg.QueryResult[]
      return (Array.isArray(result) ? (result.at(-1) as pg.QueryResult) : result).rows as Row[]
    } finally {
      await client.end()
    }
  }

  /** The values of the first column. */
  async column<Value>(text: string, database = 'latchkey'): Promise<Value[]> {
    return (await this.sql(text, database)).map((row) => Object.values(row)[0] as Value)
  }

  /** Makes an empty database that the service's role owns. @returns its URL */
  async makeDatabase(database: string, template = 'template1'): Promise<string> {
    await this.sql(`create database "${database}" owner ${ROLE} template "${template}"`, 'postgres')
    return this.url({ database })
  }

  /** Changes settings of the running server; the new ones hold for it and for new transactions at once. */
  async configure(settings: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, value] of Object.entries(settings)) await this.sql(`alter system set ${name} = '${value}'`)
    await this.sql('select pg_reload_conf()')
    // The postmaster is told by a signal, and tells its processes by signals: they have it when one shows it.
    for (const [name, value] of Object.entries(settings)) while ((await this.column(`show ${name}`))[0] !== value) await sleep(5)
  }

  /** Starts it, and waits until it takes connections; after a crash it first recovers. */
  async start(): Promise<void> {
    this.#running = await startProgram(program('postgres'), ['-D', this.data], READY)
  }

  /** Stops it in order; clients are disconnected. */
  async stop(): Promise<void> {
    await this.#end([(this.#running as Running).pid], 'SIGINT')
  }

  /** Ends all of its processes at once, as a power cut does, but that what it has written reaches the disk. */
  async kill(): Promise<void> {
    await this.#end(family((this.#running as Running).pid), 'SIGKILL')
  }

  async end(): Promise<void> {
    if (this.#running === undefined) return
    this.thaw()
    await this.kill()
  }

  async #end(pids: readonly number[], name: NodeJS.Signals): Promise<void> {
    signal(pids, name)
    await this.#running?.ended
    this.#running = undefined
  }

  /** Halts all of its processes: connections stay, and nothing answers. */
  freeze(): void {
    // The postmaster is the first, so that it starts no more processes meanwhile.
    signal(family((this.#running as Running).pid), 'SIGSTOP')
  }

  thaw(): void {
    signal(family((this.#running as Running).pid), 'SIGCONT')
  }

  /** Waits until it has recovered from a crash of its own, and starts it where it has ended with it. */
  async revive(): Promise<void> {
    for (;;) {
      if (this.#running?.hasEnded()) return await this.start()
      try {
        await this.sql('select')
        return
      } catch {
        await sleep(20)
      }
    }
  }
}

/** Makes a server and starts it, with one empty database, `latchkey`. It is killed at the end of the test. */
export async function startServer(t: Cleanup, options: ServerOptions = {}): Promise<Server> {
  const [port = 0] = await freePorts(1)
  const server = new Server(hand(options.place ?? folder(t)), port)
  t.teardown(() => server.end())
  const password = join(server.place, 'password')
  writeFileSync(password, ROLE_PASSWORD)
  hand(password)
  const log = options.log === undefined ? [] : [`--waldir=${join(hand(options.log), 'log')}`]
  const usual = ['--no-sync', '--auth=scram-sha-256', '--wal-segsize=1']
  runProgram('initdb', ...usual, '-D', server.data, '-U', SUPERUSER, `--pwfile=${password}`, ...log)
  configureFiles(server, options)
  await server.start()
  await server.sql(`create role ${ROLE} login password '${ROLE_PASSWORD}'`, 'postgres')
  await server.makeDatabase('latchkey')
  return server
}

function configureFiles({ data, place, port }: Pick<Server, 'data' | 'place' | 'port'>, { settings = {}, access }: ServerOptions): void {
  const all = {
    port,
    listen_addresses: "'127.0.0.1'",
    unix_socket_directories: `'${place}'`,
    max_connections: 200,
    shared_buffers: "'64MB'",
    ...settings,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}\n`)
  appendFileSync(join(data, 'postgresql.conf'), lines.join(''))
  if (access !== undefined) writeFileSync(join(data, 'pg_hba.conf'), `${access}\nlocal all all scram-sha-256\n`)
}
