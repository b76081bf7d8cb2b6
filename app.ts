import { join } from 'node:path'
import autoload from '@fastify/autoload'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import type { Config } from './config.ts'
import { type Clock, ClockWatch } from './domain/clock.ts'
import { reportClock } from './domain/clock-report.ts'
import type { Estimator } from './domain/passwords/estimator.ts'
import { serverOptions } from './http/options.ts'

declare module 'fastify' {
  interface FastifyInstance {
    config: Config
    clock: Clock
    /** Milliseconds since any instant: for what this process times by itself, whatever becomes of the time of day. */
    monotonic: Clock
    clockWatch: ClockWatch
  }
}

interface Parts {
  readonly config: Config
  readonly clock?: Clock
  /** Shows jumps of `clock`. Unless given, `performance.now` beside the default `clock`, and another `clock` is its own, which never jumps. */
  readonly monotonic?: Clock
  /** Where the lines of the log go; standard output unless given. */
  readonly log?: { write(line: string): void }
  /** What compiles the schemas; Fastify's own unless given. Tests share one among many apps. */
  readonly schemaController?: NonNullable<FastifyServerOptions['schemaController']>
  /** What judges new passwords; one of its own unless given. Tests share one, and so its thread, among many apps. */
  readonly estimator?: Estimator
}

/** The service, not listening yet. Two of them can live in one process. */
export async function buildApp({ config, clock = Date.now, monotonic, log, schemaController, estimator }: Parts): Promise<FastifyInstance> {
  const app = Fastify({ ...serverOptions(config, log), ...(schemaController && { schemaController }) })
  const elapsed = monotonic ?? (clock === Date.now ? () => performance.now() : clock)
  app.decorate('config', config)
  app.decorate('clock', clock)
  app.decorate('monotonic', elapsed)
  app.decorate('clockWatch', new ClockWatch(clock, elapsed, reportClock(app.log)))
  if (estimator) app.decorate('estimator', estimator)
  await app.register(autoload, { dir: join(import.meta.dirname, 'plugins') })
  await app.register(autoload, { dir: join(import.meta.dirname, 'routes') })
  return app
}
