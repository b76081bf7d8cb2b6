import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chownSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** Where Debian keeps each version of PostgreSQL. */
const VERSIONS = '/usr/lib/postgresql'

/** The folder of the programs of the newest PostgreSQL that is installed. */
function findPrograms(): string {
  const newest = existsSync(VERSIONS) ? readdirSync(VERSIONS).sort((one, other) => Number(other) - Number(one))[0] : undefined
  if (newest === undefined) throw new Error(`there is no PostgreSQL in ${VERSIONS}: install Debian's package "postgresql"`)
  return join(VERSIONS, newest, 'bin')
}

const programs = findPrograms()

/** The path of a program of PostgreSQL. */
export const program = (name: string) => join(programs, name)

/** PostgreSQL and PgBouncer refuse to run as root: root runs them as Debian's user for them. */
const account = process.getuid?.() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : {}

function idOf(which: '-u' | '-g'): number {
  return Number(execFileSync('id', [which, 'postgres'], { encoding: 'utf8' }))
}

/** Lets the user that the programs run as write to a file or folder, and nobody else. */
export function hand(path: string): string {
  if (account.uid !== undefined) chownSync(path, account.uid, account.gid)
  return path
}

/** Runs a program of PostgreSQL to its end. @throws when it fails */
export function runProgram(name: string, ...args: string[]): void {
  execFileSync(program(name), args, { ...account, cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] })
}

/** What is kept of a log, for the message when a start fails. */
const MOST_LINES = 100

/** A program that goes on running. */
export interface Running {
  readonly pid: number
  readonly ended: Promise<void>
  hasEnded(): boolean
}

/** Starts a program, and waits until it logs that it is ready. @throws when it ends before that */
export async function startProgram(path: string, args: readonly string[], isReady: RegExp): Promise<Running> {
  const child: ChildProcess = spawn(path, args, { ...account, cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const lines: string[] = []
  const ready = new Promise<void>((resolve) => {
    createInterface({ input: child.stderr as NodeJS.ReadableStream }).on('line', (line) => {
      if (lines.length < MOST_LINES) lines.push(line)
      if (isReady.test(line)) resolve()
    })
  })
  await Promise.race([ready, ended.then(() => Promise.reject(new Error(`${path} ended at once: ${lines.join('\n')}`)))])
  return { pid: child.pid as number, ended, hasEnded: () => child.exitCode !== null || child.signalCode !== null }
}

/** A process and those that it has started, itself first. */
export function family(pid: number): number[] {
  const children = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && parentOf(name) === pid)
  return [pid, ...children.map(Number)]
}

function parentOf(pid: string): number | undefined {
  try {
    // proc(5): the name in parentheses may hold anything; after it come the state and the parent.
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[1])
  } catch {
    // It has ended meanwhile.
    return undefined
  }
}

/** Sends a signal to each of these processes that is still there. */
export function signal(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name)
    } catch {
      // It has ended.
    }
  }
}
