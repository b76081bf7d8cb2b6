import type { Config } from '../../config.ts'
import { listEvents } from '../../db/auth-events.ts'
import type { Handle, Inspection } from '../../db/database.ts'
import { DatabaseError } from '../../db/errors.ts'
import { missingMigrations, missingTables } from '../../db/migrate.ts'
import { listSigningKeys } from '../../db/signing-keys.ts'
import { CLOCKS_DIFFER_MS, type Clock } from '../clock.ts'
import { amount } from '../clock-report.ts'
import { faultsOfKeyedHash } from '../keyed-hash.ts'
import type { Secrets } from '../keys/secrets.ts'
import { faultsOfKeys } from './keys.ts'

// What the operator is told of a service without asking it. Nothing is changed: what is due is left for the services to do.

export const CHECKS = ['settings', 'database', 'migrations', 'keys', 'clock', 'disk'] as const
export type Check = (typeof CHECKS)[number]

/** What a check has found; `isGood` is null where it could not look, because something else is wrong. */
export interface Finding {
  readonly check: Check
  readonly isGood: boolean | null
  readonly detail: string
}

interface CheckCore {
  readonly config: Config
  readonly clock: Clock
  readonly secrets: Secrets
}

/** Twice what the log of writes beside the database has before a service warns of it. */
const LEAST_FREE_BYTES = 128 * 1024 * 1024
const MIB = 1024 * 1024

export function good(check: Check, detail: string): Finding {
  return { check, isGood: true, detail }
}

export function wrong(check: Check, detail: string): Finding {
  return { check, isGood: false, detail }
}

/** The checks that come after one that has failed, and need what that has looked at. */
export function unlooked(after: Check): Finding[] {
  const left = CHECKS.slice(CHECKS.indexOf(after) + 1)
  return left.map((check) => ({ check, isGood: null, detail: `not looked at, because something is wrong with the ${after}` }))
}

/** Everything but the settings, in the order of `CHECKS`: one finding a check, or one for each thing that is wrong. */
export async function checkDatabase({ read, faults, room }: Inspection, place: string, core: CheckCore): Promise<Finding[]> {
  const database = await found('database', `${place} is sound`, faults)
  const migrations = await found('migrations', 'the tables are those of this version', () => faultsOfTables(read))
  const disk = checkRoom(room)
  if (!migrations.every(({ isGood }) => isGood)) {
    return [...database, ...migrations, ...unlooked('migrations').filter(({ check }) => check !== 'disk'), disk]
  }
  const keys = await found('keys', 'those that are needed are there, and can be read', async () => [
    ...new Set([...faultsOfKeys(await listSigningKeys(read), core), ...(await faultsOfKeyedHash(read, core.secrets))]),
  ])
  return [...database, ...migrations, ...keys, ...(await checkClock(read, core.clock())), disk]
}

async function found(check: Check, otherwise: string, look: () => Promise<readonly string[]>): Promise<Finding[]> {
  try {
    const faults = await look()
    return faults.length > 0 ? faults.map((fault) => wrong(check, fault)) : [good(check, otherwise)]
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error
    return [wrong(check, error.message)]
  }
}

async function faultsOfTables(read: Handle): Promise<string[]> {
  const missing = await missingMigrations(read)
  if (missing.length > 0) return [`the tables are of an older version, and a start or latchkey migrate adds ${missing.join(', ')}`]
  return (await missingTables(read)).map((table) => `the table ${table} is not there: restore a backup`)
}

/** An event ahead of the clock was recorded when that, or the one of another machine, was wrong; or it is wrong now. */
async function checkClock(read: Handle, now: number): Promise<Finding[]> {
  return found('clock', 'no event is ahead of it', async () => {
    const [newest] = await listEvents(read, { limit: 1 })
    if (newest === undefined || newest.at <= now + CLOCKS_DIFFER_MS) return []
    const at = new Date(newest.at).toISOString()
    return [`it is ${new Date(now).toISOString()}, and the newest event of ${at}, ${amount(newest.at - now)}: see what sets the time`]
  })
}

/** @param room undefined where a server keeps the files */
export function checkRoom(room: Inspection['room']): Finding {
  if (room === undefined) return good('disk', "the database's server does not tell; look there")
  const [free, taken] = [room.free, room.taken].map((bytes) => `${Math.floor(bytes / MIB)} MiB`)
  const detail = `${free} are free, and the database takes ${taken}`
  return room.free < LEAST_FREE_BYTES ? wrong('disk', `${detail}: it needs at least ${LEAST_FREE_BYTES / MIB} MiB`) : good('disk', detail)
}
