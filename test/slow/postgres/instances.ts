import { loadConfig, openingOf } from '../../../config.ts'
import { makeClient } from '../../../harness/api-client.ts'
import { type Cleanup, type Service, start } from '../../server/process.ts'
import { asker, asking, type Services } from '../two-processes.ts'
import { startBouncer } from './bouncer.ts'
import { type Server, startServer } from './server.ts'

/** Instances of the service on one database. */
export interface Instances extends Services {
  readonly services: readonly Service[]
  readonly url: string
}

/** The settings of an instance. A race or a load has more failed requests than the limits allow, so they are off unless `env` has them. */
export function settings(url: string, env: Readonly<Record<string, string>> = {}): Record<string, string> {
  const database: Record<string, string> = 'DATABASE_URL_FILE' in env ? {} : { DATABASE_URL: url }
  return { ...database, LOG_LEVEL: 'info', LIMITS: 'off', PUBLIC_URL: 'http://localhost:3000', ...env }
}

/** Starts so many instances at once on a database, which makes its tables when it is empty. */
export async function startInstances(t: Cleanup, url: string, count = 3, env: Readonly<Record<string, string>> = {}): Promise<Instances> {
  const services = await Promise.all(Array.from({ length: count }, () => start(t, settings(url, env))))
  const asks = services.map((service) => asker(t, service))
  return { services, url, client: await makeClient(url, openingOf(loadConfig(settings(url, env)))), ...asking(asks) }
}

export interface Together extends Instances {
  readonly server: Server
}

/** The same on a PostgreSQL of their own. */
export async function startTogether(t: Cleanup, count = 3, env: Readonly<Record<string, string>> = {}): Promise<Together> {
  const server = await startServer(t)
  return { server, ...(await startInstances(t, server.url(), count, env)) }
}

/** The same behind PgBouncer. */
export async function startBehindBouncer(t: Cleanup, count = 3, env: Readonly<Record<string, string>> = {}): Promise<Together> {
  const server = await startServer(t)
  const port = await startBouncer(t, server)
  return { server, ...(await startInstances(t, server.url({ port }), count, env)) }
}
