import type { Config } from '../config.ts'
import type { Database } from '../db/database.ts'
import type { Clock, ClockWatch } from './clock.ts'

/**
 * What every rule may work with. A function that needs more asks for `Core & { tokens: Tokens }` and so on; the Fastify
 * instance has all of it under the same names, so a route passes `app`.
 */
export interface Core {
  readonly db: Database
  readonly clock: Clock
  /** Asked before anything is ended for good because time has passed. */
  readonly clockWatch: ClockWatch
  readonly config: Config
}
