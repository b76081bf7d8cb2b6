import { parentPort, workerData } from 'node:worker_threads'
import { openSqlite } from './connection.ts'

// The thread of `checkpoints.ts`. At each `copy` it tries once, and tells whether all of the log could be copied; at `end` it ends.

/** What SQLite says of a checkpoint: the pages in the log, and how many of them are in the database; -1 if another one is under way. */
interface Checkpoint {
  readonly log: number
  readonly checkpointed: number
}

/** How long it waits for a lock, at most; the last step lets nobody write meanwhile. */
const PATIENCE_MS = 200

const sqlite = openSqlite(workerData)
sqlite.pragma(`busy_timeout = ${PATIENCE_MS}`)
parentPort?.on('message', (message: 'copy' | 'end') => {
  if (message === 'copy') return parentPort?.postMessage(copy())
  sqlite.close()
  parentPort?.close()
})

/** Beside those who write. What they write meanwhile is all that is left to copy while they must wait. */
function copy(): boolean {
  const [{ log, checkpointed }] = sqlite.pragma('wal_checkpoint(PASSIVE)') as [Checkpoint]
  const isCopied = log >= 0 && checkpointed === log
  if (isCopied) sqlite.pragma('wal_checkpoint(TRUNCATE)')
  return isCopied
}
