import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { findPrograms } from './programs.ts'

/** A server on which tests may make databases. */
export interface Postgres {
  readonly url: string
  stop(): Promise<void>
}

/**
 * Starts a PostgreSQL server that ends with this process at the latest, or returns why there is none for this platform.
 *
 * @throws when it does not start although there is one
 */
export async function startPostgres(): Promise<Postgres | { readonly missing: string }> {
  const programs = findPrograms()
  if ('missing' in programs) return programs
  // A session of its own: Ctrl-C is for the tests, which still need it while they end.
  const host = spawn(process.execPath, [join(import.meta.dirname, 'host.ts'), programs.folder], {
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const url = await Promise.race([once(host, 'message').then(([message]) => message as string), failed(host)])
  return { url, stop: () => stop(host) }
}

async function failed(host: ChildProcess): Promise<never> {
  await once(host, 'exit')
  throw new Error('PostgreSQL did not start')
}

async function stop(host: ChildProcess): Promise<void> {
  const gone = once(host, 'exit')
  host.disconnect()
  await gone
}
