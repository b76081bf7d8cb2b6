import { constants, openSync } from 'node:fs'
import { isatty } from 'node:tty'

const STDOUT = 1
const FLAGS = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY

/**
 * The descriptor of standard output, made so that a write to a pipe, a socket or a terminal fails (`EAGAIN`) where it would wait. A thread
 * that waits in a write would keep the process from ending: Node's `process.exit` waits for the threads of its pool.
 */
export function unblockedStdout(): number {
  if (isatty(STDOUT)) return reopened()
  // Node does this to pipes and sockets when the stream is first used; a file stays as it is.
  void process.stdout
  return STDOUT
}

/** Node itself lets terminals block, and to change that in place would change it for the shell, too. */
function reopened(): number {
  try {
    return openSync(`/dev/fd/${STDOUT}`, FLAGS)
  } catch {
    // Not allowed, as for a user who took on another's terminal, or not known here.
    return STDOUT
  }
}
