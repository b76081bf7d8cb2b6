import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'

/** The project's folder. */
export const ROOT = join(import.meta.dirname, '../..')

export type Cleanup = Pick<Test, 'teardown'>

/** An empty folder, removed at the end of the test. */
export function folder(t: Cleanup): string {
  const path = mkdtempSync(join(tmpdir(), 'latchkey-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** How a process ended. Both are null when it did not. */
export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A service in a process of its own, ready to answer. */
export interface Service {
  /** Of the service itself, also when a launcher started it. */
  readonly pid: number
  readonly port: number
  readonly url: string
  /** What it has written so far, standard output and error together. */
  output(): string
  readonly ended: Promise<Ending>
  /** Sends a signal to what was started, and waits for its end; neither code nor signal when it does not end. */
  stop(signal?: NodeJS.Signals): Promise<Ending & { readonly ms: number }>
}

/** The environment of every process that a test starts, unless `env` says otherwise: cheap hashing, a free port. */
export function environment(env: Record<string, string>): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    NODE_COMPILE_CACHE: join(ROOT, 'node_modules/.cache/node'),
    PORT: '0',
    ARGON2_MEMORY_KIB: '1024',
    ARGON2_ITERATIONS: '1',
    ...env,
  }
}

/** A command without NODE_OPTIONS: the test runner would load its own handlers of signals into the process. */
export const bare = (command: string, ...args: string[]) => ['env', '-u', 'NODE_OPTIONS', command, ...args]
const server = bare(process.execPath, 'server.ts')

/** Longer than the service may take to stop. A process that has not ended by then counts as one that does not end. */
const STOP_PATIENCE_MS = 20_000
const OUTPUT_PATIENCE_MS = 1000

/** Starts a service and waits until it listens. It is killed at the end of the test. */
export async function start(t: Cleanup, env: Record<string, string>, command: readonly string[] = server): Promise<Service> {
  const child = spawn(command[0] as string, command.slice(1), { cwd: ROOT, env: environment(env), stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = ending(child)
  const closed = once(child, 'close').catch(() => {})
  t.teardown(() => killNow(child, ended))
  const chunks: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk: string) => chunks.push(chunk))
  const { url, pid } = await Promise.race([
    listening(child),
    ended.then(() => Promise.reject(new Error(`ended at once: ${chunks.join('')}`))),
  ])
  t.teardown(() => killPid(pid))
  return {
    pid,
    port: Number(new URL(url).port),
    url,
    output: () => chunks.join(''),
    ended,
    async stop(signal = 'SIGTERM') {
      const asked = performance.now()
      child.kill(signal)
      const never = sleep(STOP_PATIENCE_MS, { code: null, signal: null }, { ref: false })
      const end = { ...(await Promise.race([ended, never])), ms: performance.now() - asked }
      // Its last output may arrive after its exit. A grandchild that was left behind holds the pipes open.
      await Promise.race([closed, sleep(OUTPUT_PATIENCE_MS, undefined, { ref: false })])
      return end
    },
  }
}

/** The address and the process id, from the first line of the log: the child itself may be a launcher, with another id. */
async function listening(child: ChildProcess): Promise<{ url: string; pid: number }> {
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    const [, url] = /listens on (http:\/\/[^ ,"]+)/.exec(line) ?? []
    if (url !== undefined) return { url, pid: JSON.parse(line).pid }
  }
  throw new Error('it never listened')
}

function ending(child: ChildProcess): Promise<Ending> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    // Not `close`: a grandchild that was left behind holds the pipes open.
    child.once('exit', (code, signal) => resolve({ code, signal }))
  })
}

function killPid(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // The process has ended already.
  }
}

async function killNow(child: ChildProcess, ended: Promise<Ending>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
  await ended
}

/** Starts a service whose start is expected to fail. */
export function startInVain(t: Cleanup, env: Record<string, string>, command: readonly string[] = server): Promise<Ran> {
  return run(t, env, command)
}

/** How a process ended, and all that it wrote. */
export interface Ran extends Ending {
  readonly stdout: string
  readonly stderr: string
}

/** Runs a process to its end. */
export async function run(t: Cleanup, env: Record<string, string>, command: readonly string[]): Promise<Ran> {
  const child = spawn(command[0] as string, command.slice(1), { cwd: ROOT, env: environment(env), stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = ending(child)
  t.teardown(() => killNow(child, ended))
  const read = async (stream: NodeJS.ReadableStream) => {
    let text = ''
    for await (const chunk of stream) text += chunk
    return text
  }
  const [end, stdout, stderr] = await Promise.all([ended, read(child.stdout), read(child.stderr)])
  return { ...end, stdout, stderr }
}

/** Posts JSON over a real socket. */
export async function postTo(url: string, body: unknown, headers: Record<string, string> = {}): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  return { status: answer.status, body: await answer.json() }
}
