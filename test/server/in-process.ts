import { buildApp } from '../../app.ts'
import { loadConfig } from '../../config.ts'
import { sharedCompilers } from '../compilers.ts'
import { type Cleanup, environment } from './process.ts'

/**
 * Starts a service in this process, on a free port and with the real clock, for tests of a service beside another process on its
 * database. It is closed at the end of the test.
 */
export async function serve(t: Cleanup, env: Record<string, string>): Promise<{ readonly url: string; close(): Promise<void> }> {
  const config = loadConfig({ ...environment({}), LOG_LEVEL: 'silent', ...env })
  const app = await buildApp({ config, schemaController: { compilersFactory: sharedCompilers } })
  t.teardown(() => app.close())
  return { url: await app.listen({ host: '127.0.0.1', port: 0 }), close: () => app.close() }
}
