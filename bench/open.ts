import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Server, type ServerOptions, startLoader, startServer } from './child.ts'
import { type Bench, BYSTANDER, PASSWORD, post } from './row.ts'

const FAR_AWAY = '1000000000'

/** A database with two users, in a folder that goes away with this process, and the ways to start servers on it. */
export async function openBench(): Promise<Bench> {
  // The folder and the children are removed at the exit of this process, which a signal alone would skip.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const databaseUrl = `file:${folder}/latchkey.db`
  const loader = startLoader()
  const bystander = startLoader()
  const bench = {
    databaseUrl,
    loader,
    bystander,
    // The limits count as in service, but are set so high that no row reaches them.
    startLatchkey: (options?: ServerOptions) =>
      startServer(
        '../server.ts',
        {
          DATABASE_URL: databaseUrl,
          // Each process has another port, and all have one issuer.
          PUBLIC_URL: 'http://localhost:3000',
          LOG_LEVEL: 'warn',
          REGISTRATIONS_PER_ADDRESS: FAR_AWAY,
          LOGIN_FAILURES_PER_PAIR: FAR_AWAY,
          ...options?.env,
        },
        options,
      ),
    startFloors: () => startServer('floors.ts', { BENCH_DATABASE: databaseUrl, UV_THREADPOOL_SIZE: String(availableParallelism()) }),
    close: async () => {
      await loader.stop()
      await bystander.stop()
    },
  }
  const server: Server = await bench.startLatchkey()
  for (const username of ['user', BYSTANDER]) await post(server, '/api/users/', { username, password: PASSWORD })
  await server.stop()
  return bench
}
