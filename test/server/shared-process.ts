import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bare, environment, type Ran, ROOT } from './process.ts'
import type { Job } from './program-host.ts'

/** A process that runs programs of the project, and the files with its output. */
interface Host {
  readonly child: ChildProcess
  readonly stdout: string
  readonly stderr: string
}

let host: Host | undefined
let last: Promise<unknown> = Promise.resolve()

/**
 * Runs a program of the project, `cli.ts` or `server.ts`, to its end, in a process that is shared with other runs: to start one takes
 * half a second. For programs that end by themselves; use `run` where a test is about signals or the process itself.
 */
export function runShared(env: Record<string, string>, program: string, ...args: string[]): Promise<Ran> {
  const ran = last.then(() => runNext({ program, args, env: environment(env) }))
  last = ran.catch(() => {})
  return ran
}

async function runNext(job: Job): Promise<Ran> {
  host ??= startHost()
  const { child, stdout, stderr } = host
  const before = [stdout, stderr].map((file) => readFileSync(file).length)
  child.ref()
  child.channel?.ref()
  const over = new AbortController()
  const gone = once(child, 'exit', over).then(() => Promise.reject(new Error(`the process is gone: ${readFileSync(stderr, 'utf8')}`)))
  gone.catch(() => {})
  child.send(job)
  const [code] = await Promise.race([once(child, 'message', over), gone])
  over.abort()
  child.unref()
  child.channel?.unref()
  const [out, err] = [stdout, stderr].map((file, index) => readFileSync(file).subarray(before[index]).toString())
  return { code: code as number, signal: null, stdout: out as string, stderr: err as string }
}

/** The host ends when this process does: then the IPC channel between them closes. */
function startHost(): Host {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-host-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const files = { stdout: join(folder, 'stdout'), stderr: join(folder, 'stderr') }
  const outputs = [openSync(files.stdout, 'a'), openSync(files.stderr, 'a')] as const
  const [command, ...args] = bare(process.execPath, join(import.meta.dirname, 'program-host.ts'))
  const child = spawn(command as string, args, { cwd: ROOT, env: environment({}), stdio: ['ignore', ...outputs, 'ipc'] })
  for (const output of outputs) closeSync(output)
  return { child, ...files }
}
