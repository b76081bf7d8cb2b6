import { join } from 'node:path'
import autoload from '@fastify/autoload'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Config } from './config.ts'
import type { Clock } from './domain/clock.ts'
import { serverOptions } from './http/options.ts'

declare module 'fastify' {
  interface FastifyInstance {
    config: Config
    clock: Clock
  }
}

/** The service, not listening yet. Two of them can live in one process. */
export async function buildApp({ config, clock = Date.now }: { config: Config; clock?: Clock }): Promise<FastifyInstance> {
  const app = Fastify(serverOptions(config))
  app.decorate('config', config)
  app.decorate('clock', clock)
  await app.register(autoload, { dir: join(import.meta.dirname, 'plugins') })
  await app.register(autoload, { dir: join(import.meta.dirname, 'routes') })
  return app
}
