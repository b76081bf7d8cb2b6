import type { Tell } from '../db/backups.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** Between two lines that say how far a copy is. */
const TELL_EVERY_MS = 1000
const MB = 1_000_000

/** Says on standard error from time to time how far a copy is, where that is a terminal: a copy of some megabytes is done before. */
export function bytesProgress(): Tell {
  if (!process.stderr.isTTY) return () => {}
  let toldAt = performance.now()
  return (bytes, of) => {
    if (performance.now() - toldAt < TELL_EVERY_MS) return
    toldAt = performance.now()
    console.error(`latchkey: ${Math.floor(bytes / MB)} of ${Math.ceil(of / MB)} MB`)
  }
}

/** Tells whoever copies that a signal asks for the end, so that nothing half done is left. */
export function interruption(): { readonly signal: AbortSignal; over(): void } {
  const controller = new AbortController()
  const abort = () => controller.abort()
  for (const signal of SIGNALS) process.once(signal, abort)
  return {
    signal: controller.signal,
    over() {
      for (const signal of SIGNALS) process.off(signal, abort)
    },
  }
}
