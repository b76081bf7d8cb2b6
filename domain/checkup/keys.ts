import type { SigningKeyRow } from '../../db/schema.ts'
import { dueKeys, dueRotation } from '../keys/due.ts'
import { isReadable, SigningKeyError } from '../keys/load.ts'
import { isOfTheFuture, keyRules } from '../keys/schedule.ts'
import { SettingMismatch } from '../keys/secrets.ts'
import { checkKeys, type KeyCore } from '../keys/upkeep.ts'

type ReadingCore = Pick<KeyCore, 'config' | 'clock' | 'secrets'>

/** Running services do what is due within a second; this leaves room for a slow one. */
const OVERDUE_AFTER_MS = 60_000
const NOBODY = 'and no running service has done it: start one, or see its log'

/**
 * What is wrong with the keys, a line each: those that cannot be read, those that were made while a clock was far ahead, and what is due and
 * not done. A database without keys is new.
 */
export function faultsOfKeys(rows: readonly SigningKeyRow[], core: ReadingCore): string[] {
  const now = core.clock()
  const future = rows.filter((row) => isOfTheFuture(row, now)).map(({ kid }) => `key ${kid} was made while a clock was far ahead`)
  const unreadable = rows.flatMap((row) => faultOf(row, core))
  return [...unreadable, ...future, ...(unreadable.length === 0 ? overdue(rows, core, now) : [])]
}

function faultOf(row: SigningKeyRow, core: ReadingCore): string[] {
  try {
    checkKeys([row], core)
    return []
  } catch (error) {
    if (error instanceof SettingMismatch || error instanceof SigningKeyError) return [error.message]
    throw error
  }
}

function overdue(rows: readonly SigningKeyRow[], { config, secrets }: ReadingCore, now: number): string[] {
  if (rows.length === 0) return []
  const rules = keyRules(config)
  const then = now - OVERDUE_AFTER_MS
  const readable = rows.filter((row) => isReadable(row, secrets))
  const missing = new Set(dueKeys(readable, rules, then, true).map(({ use }) => use))
  const next = dueRotation(rows, rules, then)
  return [
    ...[...missing].map((use) => `a new key of ${use} tokens is due, ${NOBODY}`),
    ...(next === undefined ? [] : [`key ${next} is due to take over, ${NOBODY}`]),
  ]
}
