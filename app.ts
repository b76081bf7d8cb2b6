import { join } from 'node:path'
import autoload from '@fastify/autoload'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import type { Config } from './config.ts'
import type { Clock } from './domain/clock.ts'
import { serverOptions } from './http/options.ts'

declare module 'fastify' {
  interface FastifyInstance {
    config: Config
    clock: Clock
  }
}

interface Parts {
  readonly config: Config
  readonly clock?: Clock
  /** What compiles the schemas; Fastify's own unless given. Tests share one among many apps. */
  readonly schemaController?: NonNullable<FastifyServerOptions['schemaController']>
}

/** The service, not listening yet. Two of them can live in one process. */
export async function buildApp({ config, clock = Date.now, schemaController }: Parts): Promise<FastifyInstance> {
  const app = Fastify({ ...serverOptions(config), ...(schemaController && { schemaController }) })
  app.decorate('config', config)
  app.decorate('clock', clock)
  await app.register(autoload, { dir: join(import.meta.dirname, 'plugins') })
  await app.register(autoload, { dir: join(import.meta.dirname, 'routes') })
  return app
}
