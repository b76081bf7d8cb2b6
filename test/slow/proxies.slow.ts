import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { type AddressInfo, connect, createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { PASSWORD } from '../helper.ts'
import { folder, postTo, type Service, start } from '../server/process.ts'

const NGINX = process.env.NGINX ?? '/usr/sbin/nginx'

/** The addresses of the proxies: the one before the service, and the one before that. */
const INNER = '127.0.0.10'
const OUTER = '127.0.0.20'
const BOTH = `${INNER},${OUTER}`
const CLIENT = '127.0.0.101'
const CREDENTIALS = { username: 'alice', password: PASSWORD }

/** A way to the service: where a client connects, and with which header of its own making. */
interface Way {
  readonly host: string
  readonly port: number
  readonly from?: string
  readonly forwarded?: string | string[]
}

interface Proxied {
  readonly service: Service
  /** Ports of one nginx: one proxy, two of them, one on a socket for both families, one over IPv6. */
  readonly ports: { readonly direct: number; readonly one: number; readonly two: number; readonly dual: number; readonly six: number }
}

/** A service on both families behind nginx. The proxies add the address that they see to what the client says, as is usual. */
async function proxied(t: Test, env: Record<string, string>): Promise<Proxied> {
  const service = await start(t, { DATABASE_URL: `file:${folder(t)}/latchkey.db`, HOST: '::', LOG_LEVEL: 'info', ...env })
  await postTo(`http://127.0.0.1:${service.port}/api/users/`, CREDENTIALS)
  const [one = 0, two = 0, dual = 0, six = 0] = await freePorts(4)
  const place = folder(t)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${place}/${kind};`)
  const proxy = (listen: string, to: string, by: string) =>
    `server { listen ${listen}; location / { proxy_pass http://${to}; proxy_bind ${by};
     proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; } }`
  writeFileSync(
    `${place}/nginx.conf`,
    `daemon off; pid ${place}/pid; error_log stderr; worker_processes 1; events {}
     http { access_log off; ${temporary.join(' ')}
     ${proxy(`127.0.0.1:${one}; listen [::1]:${one}; listen ${INNER}:${one}`, `127.0.0.1:${service.port}`, INNER)}
     ${proxy(`127.0.0.1:${two}; listen [::1]:${two}`, `${INNER}:${one}`, OUTER)}
     ${proxy(`[::]:${dual} ipv6only=off`, `127.0.0.1:${service.port}`, INNER)}
     ${proxy(`[::]:${six}`, `[::1]:${service.port}`, '::1')} }`,
  )
  await startNginx(t, place, six)
  return { service, ports: { direct: service.port, one, two, dual, six } }
}

async function startNginx(t: Test, place: string, port: number): Promise<void> {
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

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '::'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

async function ask({ host, port, from, forwarded }: Way, path: string, body: object | undefined, headers: Record<string, string> = {}) {
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

/** Under which addresses the service has seen a login: in its log, and in the session that its user is shown. */
async function seen({ service }: Proxied, way: Way): Promise<unknown[]> {
  const id = `request-${requests++}`
  const { body } = await ask(way, '/api/token/', CREDENTIALS, { 'x-request-id': id })
  const direct = { host: '127.0.0.1', port: service.port }
  const sessions = await ask(direct, '/api/users/me/sessions/', undefined, { authorization: `Bearer ${body.access}` })
  const logged = await lineOf(service, id)
  return [logged.ip, sessions.body.find(({ current }: { current: boolean }) => current)?.address]
}

/** The line that the log has of a request. It may come after the answer. */
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

/** What a client could write into the header to appear under another address. */
const FORGERIES: readonly (string | string[])[] = [
  '203.0.113.7',
  `203.0.113.7, ${INNER}`,
  `${INNER}, ${OUTER}`,
  ['203.0.113.7', '203.0.113.8'],
  '2001:db8::7',
  '127.0.0.1',
  'unknown',
  ', ,',
  `${'203.0.113.7,'.repeat(200)}203.0.113.8`,
]

/** The way, the trusted proxies, and the address that is then seen with every header of FORGERIES. */
const WAYS: readonly [way: 'direct' | 'one' | 'two' | 'dual', trusted: string, address: string][] = [
  ['direct', '', CLIENT],
  ['direct', BOTH, CLIENT],
  ['one', '', INNER],
  ['one', INNER, CLIENT],
  ['one', BOTH, CLIENT],
  ['one', '127.0.0.0/27', CLIENT],
  ['one', OUTER, INNER],
  ['two', '', INNER],
  ['two', INNER, OUTER],
  ['two', BOTH, CLIENT],
  ['two', '127.0.0.0/27', CLIENT],
  ['dual', INNER, CLIENT],
]

for (const trusted of [...new Set(WAYS.map(([, trusted]) => trusted))]) {
  t.test(`with TRUST_PROXY=${trusted}, a client is seen under its address, with every forged header`, async (t) => {
    const all = await proxied(t, { TRUST_PROXY: trusted })
    for (const [way, , address] of WAYS.filter((row) => row[1] === trusted)) {
      const to = { host: '127.0.0.1', port: all.ports[way], from: CLIENT }
      t.same(await seen(all, to), [address, address], `${way}, no header`)
      for (const forwarded of FORGERIES) {
        t.same(await seen(all, { ...to, forwarded }), [address, address], `${way}, ${String(forwarded).slice(0, 60)}`)
      }
    }
  })
}

/** Unique local addresses of two networks (RFC 4193), added for as long as the test runs. */
const ULAS = ['fd1a:7c4e:e000:1::1', 'fd1a:7c4e:e000:1::2', 'fd1a:7c4e:e000:2::1']

function takeAddresses(t: Test): boolean {
  try {
    for (const address of ULAS) {
      execFileSync('ip', ['-6', 'addr', 'add', `${address}/128`, 'dev', 'lo'], { stdio: 'ignore' })
      t.teardown(() => execFileSync('ip', ['-6', 'addr', 'del', `${address}/128`, 'dev', 'lo'], { stdio: 'ignore' }))
    }
    return true
  } catch {
    return false
  }
}

t.test('over IPv6 a client is seen under its address, directly and through proxies of both families', async (t) => {
  const own = takeAddresses(t) ? ULAS : []
  if (own.length === 0) t.comment('this machine gives no addresses: only ::1 is tried')
  // On ::1 the proxy and the client cannot be distinguished: only a client with an address of its own is behind it.
  const all = await proxied(t, { TRUST_PROXY: `${BOTH},::1` })
  const { direct, one, two, six } = all.ports
  for (const address of own) {
    for (const port of [direct, one, two, six]) {
      for (const forwarded of [undefined, '203.0.113.7', '2001:db8::7', `2001:db8::7, ::1, ${INNER}`]) {
        const way = { host: address, port: port, from: address, ...(forwarded && { forwarded }) }
        const reached = port === direct || port === six ? way : { ...way, host: '::1' }
        t.same(await seen(all, reached), [address, address], `${address} at ${reached.host}, ${forwarded}`)
      }
    }
  }
  const mapped = { host: '127.0.0.1', port: direct, from: CLIENT }
  t.same(await seen(all, mapped), [CLIENT, CLIENT], 'IPv4 on a socket for both')
  const untrusting = await proxied(t, { TRUST_PROXY: BOTH })
  for (const port of [untrusting.ports.direct, untrusting.ports.one, untrusting.ports.two, untrusting.ports.six]) {
    for (const forwarded of [undefined, '203.0.113.7']) {
      t.same(await seen(untrusting, { host: '::1', port, ...(forwarded && { forwarded }) }), ['::1', '::1'], `::1, ${forwarded}`)
    }
  }
})

t.test('a client that forges another address with each guess is limited, and other clients are not', async (t) => {
  const all = await proxied(t, { TRUST_PROXY: BOTH, LOGIN_FAILURES_PER_PAIR: '5' })
  const guess = (way: Way) => ask(way, '/api/token/', { ...CREDENTIALS, password: 'wrong' })
  const attacker = (i: number) => ({
    host: '127.0.0.1',
    port: i % 2 ? all.ports.two : all.ports.one,
    from: CLIENT,
    forwarded: `203.0.113.${i}`,
  })
  for (let i = 0; i < 5; i++) t.equal((await guess(attacker(i))).status, 401)
  t.equal((await guess(attacker(6))).status, 429)
  t.equal((await guess({ ...attacker(7), from: '127.0.0.102' })).status, 401)
})
