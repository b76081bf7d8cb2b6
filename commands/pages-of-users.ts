import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Between two lines that say how far it is. */
const TELL_EVERY_MS = 2000
/** Pages, of some hundred users each, after which garbage is collected. */
const COLLECT_EVERY = 80

/** What is done after each page by a command that goes through all users. @param users so many were done until now */
export function afterEachPage(): (users: number) => void {
  const [tell, collect] = [progress(), garbageCollector()]
  return (users) => {
    tell(users)
    collect()
  }
}

/** Says on standard error from time to time how far it is, where that is a terminal. */
function progress(): (users: number) => void {
  if (!process.stderr.isTTY) return () => {}
  let toldAt = performance.now()
  return (users) => {
    if (performance.now() - toldAt < TELL_EVERY_MS) return
    toldAt = performance.now()
    console.error(`latchkey: ${users} users`)
  }
}

/**
 * Collects garbage every some pages. Each is garbage a moment later, but a part of it has been moved to where V8 lets it grow to several times
 * of what is in use, before it looks.
 */
function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  let pages = 0
  return () => {
    if (++pages % COLLECT_EVERY === 0) collect()
  }
}
