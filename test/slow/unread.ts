import { execFileSync, type StdioOptions, spawn } from 'node:child_process'
import { constants, openSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { freePorts } from '../../harness/free-ports.ts'
import { bare, type Ending, environment, folder, ROOT } from '../server/process.ts'

/** A service whose output the test need not read. */
export interface Unread {
  readonly url: string
  readonly pid: number
  /** Sends SIGTERM; both are null where it has not ended within 10 seconds. */
  stop(): Promise<Ending>
}

/** Starts a service with these streams and waits until it answers. It is killed at the end of the test. */
export async function startUnread(t: Test, stdio: StdioOptions, env: Record<string, string> = {}): Promise<Unread> {
  const [port = 0] = await freePorts(1)
  const url = `http://127.0.0.1:${port}`
  const [command, ...args] = bare(process.execPath, 'server.ts')
  const settings = environment({ DATABASE_URL: `file:${folder(t)}/latchkey.db`, LOG_LEVEL: 'info', PORT: String(port), ...env })
  const child = spawn(command as string, args, { cwd: ROOT, env: settings, stdio })
  const ended = new Promise<Ending>((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })))
  t.teardown(() => child.kill('SIGKILL'))
  while (!(await isUp(url))) await sleep(50)
  return {
    url,
    pid: child.pid as number,
    stop() {
      child.kill('SIGTERM')
      return Promise.race([ended, sleep(10_000, { code: null, signal: null }, { ref: false })])
    },
  }
}

async function isUp(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/health/live`)).ok
  } catch {
    return false
  }
}

/** The path of a new pipe. */
export function pipe(t: Test): string {
  const path = `${folder(t)}/pipe`
  execFileSync('mkfifo', [path])
  return path
}

/** Opens a pipe for both sides: it has a reader then, which reads nothing until it is asked to. */
export function openBoth(path: string): number {
  return openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
}
