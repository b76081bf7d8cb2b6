import { verify } from '@node-rs/argon2'

/** What a hash cost to compute. */
export interface HashCost {
  readonly memoryKib: number
  readonly iterations: number
}

/** A format in which a stored hash may be. */
export interface HashFormat {
  /** What its hashes begin with, and those of no other format. */
  readonly prefix: string
  /** Whether a password is the one of a hash. @throws {Error} for a hash that cannot be read */
  verify(stored: string, password: string): Promise<boolean>
  cost(stored: string): HashCost
}

const NO_COST: HashCost = { memoryKib: 0, iterations: 0 }
const ARGON2ID = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=\d+\$/

/** RFC 9106, in PHC string format. */
const argon2id: HashFormat = {
  prefix: '$argon2id$',
  verify,
  cost(stored) {
    const [, memoryKib, iterations] = ARGON2ID.exec(stored) ?? []
    return memoryKib === undefined ? NO_COST : { memoryKib: Number(memoryKib), iterations: Number(iterations) }
  },
}

/** Every format that is understood. New hashes are made in the first. */
const formats: readonly HashFormat[] = [argon2id]

function formatOf(stored: string): HashFormat | undefined {
  return formats.find(({ prefix }) => stored.startsWith(prefix))
}

/** Whether a password is the one of a hash; false for a hash that cannot be read. */
export async function verifyHash(stored: string, password: string): Promise<boolean> {
  const format = formatOf(stored)
  if (format === undefined) return false
  return format.verify(stored, password).catch(() => false)
}

/** What a hash cost; nothing when it cannot be read, since comparing with it costs nothing either. */
export function costOf(stored: string): HashCost {
  return formatOf(stored)?.cost(stored) ?? NO_COST
}
