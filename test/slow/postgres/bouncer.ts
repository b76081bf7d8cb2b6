import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts } from '../../../harness/free-ports.ts'
import { hand, signal, startProgram } from '../../../harness/postgres-programs.ts'
import { type Cleanup, folder } from '../../server/process.ts'
import { ROLE, ROLE_PASSWORD, type Server } from './server.ts'

const PGBOUNCER = process.env.PGBOUNCER ?? '/usr/sbin/pgbouncer'

/** Debian's PgBouncer before a server: each transaction may have another of its few connections. @returns its port */
export async function startBouncer(t: Cleanup, server: Server): Promise<number> {
  const place = hand(folder(t))
  const [port = 0] = await freePorts(1)
  const file = (name: string, text: string) => {
    writeFileSync(join(place, name), text)
    return hand(join(place, name))
  }
  const users = file('users', `"${ROLE}" "${ROLE_PASSWORD}"\n`)
  const settings = file(
    'pgbouncer.ini',
    `[databases]
* = host=127.0.0.1 port=${server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = transaction
default_pool_size = 8
max_client_conn = 500
; By default it tries a server that did not let it in again after 15 seconds.
server_login_retry = 0.2
`,
  )
  const bouncer = await startProgram(PGBOUNCER, [settings], /process up/)
  t.teardown(async () => {
    signal([bouncer.pid], 'SIGKILL')
    await bouncer.ended
  })
  return port
}
