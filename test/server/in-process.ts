import { buildApp } from '../../app.ts'
import { loadConfig } from '../../config.ts'
import { sharedCompilers } from '../compilers.ts'
import { type Cleanup, environment } from './process.ts'

/** A service that listens, in the process of the test. */
export interface Served {
  readonly url: string
  close(): Promise<void>
}

/**
 * Starts a service in this process, on a free port and with the real clock unless another is given, for tests of several services, or of a
 * service and a command, on one database. It is closed at the end of the test.
 */
export async function serve(t: Cleanup, env: Record<string, string>, clock: () => number = Date.now): Promise<Served> {
  const config = loadConfig({ ...environment({}), LOG_LEVEL: 'silent', ...env })
  const app = await buildApp({ config, clock, schemaController: { compilersFactory: sharedCompilers } })
  t.teardown(() => app.close())
  return { url: await app.listen({ host: '127.0.0.1', port: 0 }), close: () => app.close() }
}
