import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts } from '../../../harness/free-ports.ts'
import { hand, runProgram } from '../../../harness/postgres-programs.ts'
import { type Cleanup, folder } from '../../server/process.ts'
import { Server } from './server.ts'

/** A standby of a server: a copy that follows it, answers reads, and refuses writes until it is promoted. */
export async function startStandby(t: Cleanup, primary: Server): Promise<Server> {
  const [port = 0] = await freePorts(1)
  const standby = new Server(hand(folder(t)), port)
  t.teardown(() => standby.end())
  const from = `host=${primary.place} port=${primary.port} user=postgres password='role horse battery' application_name=standby`
  runProgram('pg_basebackup', '--no-sync', '--checkpoint=fast', '-D', standby.data, '-R', '-d', from)
  appendFileSync(join(standby.data, 'postgresql.conf'), `port = ${port}\nunix_socket_directories = '${standby.place}'\n`)
  await standby.start()
  return standby
}

/** Makes it the one that takes writes. Resolves when it does. */
export function promote(standby: Server): void {
  runProgram('pg_ctl', 'promote', '-D', standby.data, '--wait', '--silent')
}
