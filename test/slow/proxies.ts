import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { userInfo } from 'node:os'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { freePorts } from '../../harness/free-ports.ts'
import { PASSWORD } from '../helper.ts'
import { folder, postTo, type Service, start } from '../server/process.ts'

const NGINX = process.env.NGINX ?? '/usr/sbin/nginx'

/** The addresses of the proxies: INNER connects to the service, OUTER to INNER. */
export const INNER = '127.0.0.10'
export const OUTER = '127.0.0.20'
export const BOTH = `${INNER},${OUTER}`
export const CLIENT = '127.0.0.101'
export const CREDENTIALS = { username: 'alice', password: PASSWORD }

/** How a client reaches the service: the address and port, its own address, and the X-Forwarded-For that it sends. */
export interface Way {
  readonly host: string
  readonly port: number
  readonly from?: string
  readonly forwarded?: string | string[]
}

export interface Proxied {
  readonly service: Service
  /** Ports of one nginx: one proxy, two of them, two of which the inner one adds ports, one on a socket for both families, one over IPv6. */
  readonly ports: Readonly<Record<'direct' | 'one' | 'two' | 'ported' | 'dual' | 'six', number>>
}

/** A service on both families behind nginx. The proxies add the address that they see to what the client says, as is usual. */
export async function proxied(t: Test, env: Record<string, string>): Promise<Proxied> {
  const service = await start(t, { DATABASE_URL: `file:${folder(t)}/latchkey.db`, HOST: '::', LOG_LEVEL: 'info', ...env })
  await postTo(`http://127.0.0.1:${service.port}/api/users/`, CREDENTIALS)
  const [one = 0, two = 0, ported = 0, dual = 0, six = 0] = await freePorts(5)
  const proxy = (listen: string, to: string, by: string, added = '$proxy_add_x_forwarded_for') =>
    `server { listen ${listen}; location / { proxy_pass http://${to}; proxy_bind ${by};
     proxy_set_header X-Forwarded-For ${added}; } }`
  const servers = [
    proxy(`127.0.0.1:${one}; listen [::1]:${one}; listen ${INNER}:${one}`, `127.0.0.1:${service.port}`, INNER),
    proxy(`127.0.0.1:${two}; listen [::1]:${two}`, `${INNER}:${one}`, OUTER),
    proxy(`127.0.0.1:${ported}`, `${INNER}:${ported}`, OUTER),
    proxy(`${INNER}:${ported}`, `127.0.0.1:${service.port}`, INNER, '$proxy_add_x_forwarded_for:$remote_port'),
    proxy(`[::]:${dual} ipv6only=off`, `127.0.0.1:${service.port}`, INNER),
    proxy(`[::]:${six}`, `[::1]:${service.port}`, '::1'),
  ]
  await startNginx(t, servers.join('\n'), six)
  return { service, ports: { direct: service.port, one, two, ported, dual, six } }
}

/**
 * An nginx that ends with the test. Its workers are this user's, as the folder is that they write to.
 *
 * @param servers what its configuration has in `http`
 * @param port one of its ports, on `::1`
 */
export async function startNginx(t: Pick<Test, 'teardown'>, servers: string, port: number): Promise<void> {
  const place = folder(t)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${place}/${kind};`)
  writeFileSync(
    `${place}/nginx.conf`,
    `daemon off; user ${userInfo().username}; pid ${place}/pid; error_log stderr; worker_processes 1; events {}
     http { access_log off; ${temporary.join(' ')}
     ${servers} }`,
  )
  const nginx: ChildProcess = spawn(NGINX, ['-p', place, '-c', `${place}/nginx.conf`, '-e', 'stderr'], {
    stdio: ['ignore', 'inherit', 'pipe'],
  })
  const complaints = text(nginx.stderr as NodeJS.ReadableStream)
  const ended = once(nginx, 'exit')
  t.teardown(async () => {
    nginx.kill('SIGTERM')
    await ended
  })
  for (let tries = 0; !(await isOpen(port)); tries++) {
    if (nginx.exitCode !== null || tries > 200) throw new Error(`nginx does not start: ${nginx.exitCode === null ? '' : await complaints}`)
    await sleep(20)
  }
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '::1', port })
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

export async function ask(
  { host, port, from, forwarded }: Way,
  path: string,
  body: object | undefined,
  headers: Record<string, string> = {},
) {
  const asking = request({
    host,
    port,
    path,
    method: body ? 'POST' : 'GET',
    agent: false,
    ...(from && { localAddress: from }),
    headers: { 'content-type': 'application/json', ...headers, ...(forwarded && { 'x-forwarded-for': forwarded }) },
  })
  asking.end(body && JSON.stringify(body))
  const [answer] = await once(asking, 'response')
  return { status: answer.statusCode as number, body: JSON.parse(await text(answer)) }
}

let requests = 0

/** The addresses under which the service has seen a login: in its log, and in the user's list of sessions. */
export async function seen({ service }: Proxied, way: Way): Promise<unknown[]> {
  const id = `request-${requests++}`
  const { body } = await ask(way, '/api/token/', CREDENTIALS, { 'x-request-id': id })
  const direct = { host: '127.0.0.1', port: service.port }
  const sessions = await ask(direct, '/api/users/me/sessions/', undefined, { authorization: `Bearer ${body.access}` })
  const logged = await lineOf(service, id)
  return [logged.ip, sessions.body.find(({ current }: { current: boolean }) => current)?.address]
}

/** The line of a request in the log, which may be written after the answer. */
async function lineOf(service: Service, id: string): Promise<Record<string, unknown>> {
  for (let tries = 0; tries < 200; tries++) {
    const line = service
      .output()
      .split('\n')
      .find((line) => line.includes(`"${id}"`) && line.includes('"status"') && line.endsWith('}'))
    if (line !== undefined) return JSON.parse(line)
    await sleep(10)
  }
  throw new Error(`no line of ${id}`)
}
