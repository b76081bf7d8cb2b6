// Debian's PostgreSQL as it is installed, but for the memory that its manual recommends as a start, on files of its own.

import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../harness/free-ports.ts'
import { family, hand, program, runProgram, signal, startProgram } from '../harness/postgres-programs.ts'
import { TICK_MS } from './child.ts'

const USER = 'bench'
const DATABASE = 'postgres'

export interface PostgresServer {
  readonly port: number
  /** The URL of its database, by this port. */
  url(port?: number): string
  /** Processor time that all of its processes have used so far. */
  cpuMs(): number
  /** Runs a script by PostgreSQL's own load generator. @returns how often a second, and the server's processor time for each */
  pgbench(script: string, connections: number, seconds: number): { rate: number; databaseCpuMs: number }
  stop(): Promise<void>
}

export async function startPostgres(): Promise<PostgresServer> {
  const folder = hand(mkdtempSync(join(tmpdir(), 'latchkey-bench-postgres-')))
  const data = join(folder, 'data')
  runProgram('initdb', '--no-sync', '--auth=trust', '--encoding=UTF8', '-U', USER, '-D', data)
  const [port = 0] = await freePorts(1)
  appendFileSync(
    join(data, 'postgresql.conf'),
    `port = ${port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '${folder}'\nshared_buffers = '256MB'\n`,
  )
  const { pid, ended } = await startProgram(program('postgres'), ['-D', data], /database system is ready to accept/)
  // At the exit of this process it is too late to wait for its end.
  const remove = () => {
    signal(family(pid), 'SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  process.on('exit', remove)
  const url = (by = port) => `postgres://${USER}@127.0.0.1:${by}/${DATABASE}?sslmode=disable`
  return {
    port,
    url,
    pgbench(script, connections, seconds) {
      const file = join(folder, 'script.sql')
      writeFileSync(file, script)
      const before = cpuMs(pid)
      const args = ['--no-vacuum', '--protocol=prepared', `--client=${connections}`, `--time=${seconds}`, `--file=${file}`, url()]
      const said = execFileSync(program('pgbench'), args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      const count = Number(/transactions actually processed: (\d+)/.exec(said)?.[1])
      return { rate: count / seconds, databaseCpuMs: (cpuMs(pid) - before) / count }
    },
    cpuMs: () => cpuMs(pid),
    async stop() {
      signal([pid], 'SIGINT')
      await ended
    },
  }
}

/** Of a process and those that it has started, also those that have ended. */
function cpuMs(pid: number): number {
  const ticks = family(pid).flatMap((one) => ticksOf(one).slice(0, one === pid ? 4 : 2))
  return ticks.reduce((sum, value) => sum + value, 0) * TICK_MS
}

/** `utime`, `stime`, and the same of children that have ended: fields 14 to 17 (proc(5)). The second is a name that may hold anything. */
function ticksOf(pid: number): number[] {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
    return fields.slice(11, 15).map(Number)
  } catch {
    // It has ended meanwhile, and counts with its parent's.
    return []
  }
}
