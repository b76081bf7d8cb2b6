import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { freePorts } from '../../harness/free-ports.ts'
import { copyPrograms } from './programs.ts'

export interface Server {
  /** With the name and password of its superuser, and its maintenance database. */
  readonly url: string
  /** Ends it and removes its files. */
  stop(): Promise<void>
}

const USER = 'latchkey'
/** What a whole run of the tests may write. */
const ROOM_BYTES = 2 ** 30

/** Nothing of it need outlive a crash, many small databases are made, and their connections come and go. */
const SETTINGS = {
  fsync: 'off',
  full_page_writes: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '128MB',
  min_wal_size: '32MB',
  shared_buffers: '64MB',
  max_connections: '400',
  autovacuum: 'off',
  jit: 'off',
  lc_messages: 'C',
  unix_socket_directories: '',
  listen_addresses: '127.0.0.1',
  // A password at its usual price would be most of the time of a connection.
  scram_iterations: '1',
}

/**
 * Makes a PostgreSQL server and starts it, on a free port of 127.0.0.1.
 *
 * @param programs the folder of its programs, as `findPrograms` finds it
 * @throws when it does not start, with what it wrote
 */
export async function startServer(programs: string): Promise<Server> {
  const user = unprivileged()
  const home = folderFor(tmpdir(), user)
  // The programs are not on the RAM disk, from which a container does not let them run.
  const data = join(folderFor(ramDisk() ?? home, user), 'data')
  const remove = () => {
    for (const folder of [home, join(data, '..')]) rmSync(folder, { recursive: true, force: true })
  }
  try {
    copyPrograms(programs, join(home, 'native'))
    const password = randomBytes(16).toString('hex')
    initialise(home, data, password, user)
    const [port = 0] = await freePorts(1)
    const server = await listening(
      spawn(join(home, 'native/bin/postgres'), ['-D', data, '-p', String(port)], { ...user, cwd: home, env: {} }),
    )
    const stop = async () => {
      // At once, without saving anything.
      server.kill('SIGQUIT')
      await exited(server)
      remove()
    }
    return { url: `postgres://${USER}:${password}@127.0.0.1:${port}/postgres?sslmode=disable`, stop }
  } catch (error) {
    remove()
    throw error
  }
}

type User = Pick<SpawnOptions, 'uid' | 'gid'>

/** PostgreSQL refuses to run as root: then it runs as the user whom Unix has for what may own nothing. */
function unprivileged(): User {
  if (process.getuid?.() !== 0) return {}
  const [uid, gid] = ['-u', '-g'].map((which) => Number(execFileSync('id', [which, 'nobody'], { encoding: 'utf8' })))
  return { uid, gid } as User
}

function folderFor(parent: string, { uid, gid }: User): string {
  const folder = mkdtempSync(join(parent, 'latchkey-postgres-'))
  if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid)
  return folder
}

/** The folder in memory, where there is one with room: a container may have one of 64 MB. */
function ramDisk(): string | undefined {
  if (!existsSync('/dev/shm')) return undefined
  const { bavail, bsize } = statfsSync('/dev/shm')
  return bavail * bsize > ROOM_BYTES ? '/dev/shm' : undefined
}

/** Makes the files of a server, in which text is ordered by a language's rules, so that a query which forgets to say otherwise fails. */
function initialise(home: string, data: string, password: string, user: User): void {
  const secret = join(home, 'password')
  writeFileSync(secret, password, { mode: 0o600 })
  if (user.uid !== undefined && user.gid !== undefined) chownSync(secret, user.uid, user.gid)
  const settings = Object.entries(SETTINGS).map(([name, value]) => `--set=${name}=${value}`)
  const args = ['--no-sync', '--no-instructions', '--no-data-checksums', `--username=${USER}`, `--pwfile=${secret}`, '--auth=scram-sha-256']
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=icu', '--icu-locale=en']
  // Piped, so that what it says of a failure is in the error's message.
  execFileSync(join(home, 'native/bin/initdb'), ['-D', data, ...args, ...locale, ...settings], {
    ...user,
    cwd: home,
    env: {},
    stdio: 'pipe',
  })
}

/** Resolves to the server when it accepts connections. Its later output is read and dropped, or it would wait for a reader. */
async function listening(server: ChildProcess): Promise<ChildProcess> {
  const lines: string[] = []
  const output = createInterface({ input: server.stderr as NodeJS.ReadableStream })
  const ready = new Promise<void>((resolve, reject) => {
    output.on('line', (line) => {
      if (line.includes('ready to accept connections')) resolve()
      else lines.push(line)
    })
    server.once('error', reject).once('exit', () => reject(new Error(`PostgreSQL did not start:\n${lines.join('\n')}`)))
  })
  await ready
  output.removeAllListeners('line').resume()
  return server
}

async function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}
