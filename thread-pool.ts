import { readdirSync, readFileSync } from 'node:fs'
import { setPriority } from 'node:os'

/** Threads of Node's pool beyond those that may hash, for everything else that uses it: little, so one. */
export const POOL_RESERVE = 1

const LOWEST_PRIORITY = 19
const THREADS = '/proc/self/task'

/**
 * Gives the threads of Node's pool the lowest priority, so that hashing leaves the event loop its share of a full
 * machine. Best effort: on Linux, where priorities belong to threads and one may lower one's own.
 */
export function lowerPoolPriority(): void {
  if (process.platform !== 'linux') return
  try {
    for (const thread of readdirSync(THREADS)) {
      const name = readFileSync(`${THREADS}/${thread}/comm`, 'utf8').trim()
      if (name === 'libuv-worker') setPriority(Number(thread), LOWEST_PRIORITY)
    }
  } catch {
    // A system that does not let us: logins and other requests share the machine evenly.
  }
}
