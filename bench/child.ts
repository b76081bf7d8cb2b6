import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts } from '../harness/free-ports.ts'
import type { MemoryLimit } from '../harness/memory-limit.ts'
import type { Load, Outcome } from './load.ts'

const START_TIMEOUT_MS = 20_000
const POLL_MS = 5
/** The unit of the times in /proc/<pid>/stat: USER_HZ, which is 100 a second on every platform of Linux. */
export const TICK_MS = 10
/** The flags of `npm start` and of `latchkey`. */
export const NODE_FLAGS = ['--max-semi-space-size=4']

const children = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

/** A server in a process of its own. */
export interface Server {
  readonly port: number
  /** From the start of the process to its first 200. */
  readonly startMs: number
  /** Processor time that it has used so far, in all its threads. */
  cpuMs(): number
  residentMb(): number
  /** The longest time that its event loop was blocked since the last call; it takes `watchesLoop`. */
  loopHeldMs(): Promise<number>
  stop(): Promise<void>
}

export interface ServerOptions {
  readonly limit?: MemoryLimit | undefined
  readonly watchesLoop?: boolean
  /** Settings of this server alone. */
  readonly env?: Record<string, string>
}

/** Starts a server and waits until it answers `GET /health/ready`. */
export async function startServer(script: string, env: Record<string, string>, options: ServerOptions = {}): Promise<Server> {
  const [port = 0] = await freePorts(1)
  const start = performance.now()
  const watch = options.watchesLoop ? ['--import', join(import.meta.dirname, 'loop-delay.ts')] : []
  const node = [process.execPath, ...NODE_FLAGS, ...watch, join(import.meta.dirname, script)]
  const [command = '', ...args] = options.limit?.limited(node) ?? node
  const child = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'inherit', ...(options.watchesLoop ? (['ipc'] as const) : [])],
    env: { ...process.env, ...env, PORT: String(port) },
  })
  children.add(child)
  while (!(await isReady(port))) {
    if (child.exitCode !== null || performance.now() - start > START_TIMEOUT_MS) throw new Error(`${script} did not start`)
    await sleep(POLL_MS)
  }
  return {
    port,
    startMs: performance.now() - start,
    cpuMs: () => cpuMs(child.pid as number),
    residentMb: () => residentMb(child.pid as number),
    async loopHeldMs() {
      child.send('')
      const [heldMs] = await once(child, 'message')
      return heldMs
    },
    stop: () => stop(child),
  }
}

/** A process that runs loads at the same time. */
export interface Loader {
  run(...loads: Load[]): Promise<Outcome[]>
  stop(): Promise<void>
}

export function startLoader(): Loader {
  const child = fork(join(import.meta.dirname, 'load.ts'), { serialization: 'advanced' })
  children.add(child)
  return {
    async run(...loads) {
      child.send(loads)
      const [{ outcomes, failure }] = (await once(child, 'message')) as [{ outcomes?: Outcome[]; failure?: string }]
      if (outcomes === undefined) throw new Error(failure)
      return outcomes
    },
    stop: () => stop(child),
  }
}

async function stop(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  await exit
  children.delete(child)
}

function isReady(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ port, host: '127.0.0.1', path: '/health/ready', agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    request.on('error', () => resolve(false))
  })
}

/** `utime` and `stime`, fields 14 and 15; the second field is a name in parentheses, which may hold spaces. */
export function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}

function residentMb(pid: number): number {
  const [, kib] = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) / 1024
}
