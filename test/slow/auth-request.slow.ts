import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, request, type Server } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { freePorts } from '../../harness/free-ports.ts'
import { PASSWORD } from '../helper.ts'
import { bare, folder, postTo, run, type Service, start } from '../server/process.ts'
import { startNginx } from './proxies.ts'

// The nginx of docs/protecting-an-api.md, with the file that it shows.

const CONF = readFileSync(join(import.meta.dirname, 'peers/nginx/api.conf'), 'utf8')

/** What came to the API: the headers are in pairs, as they were sent. */
interface Arrival {
  readonly method: string
  readonly url: string
  readonly authorization: readonly string[]
  readonly body: string
}

interface Guarded {
  readonly port: number
  readonly latchkeyPort: number
  readonly arrivals: Arrival[]
}

/** An API behind that nginx, which answers `made it`, or what `/status/…` asks for; the Latchkey is at a port that may be free. */
async function guard(t: Test, latchkeyPort: number): Promise<Guarded> {
  const arrivals: Arrival[] = []
  const api = createServer(async (asked, answer) => {
    arrivals.push(await arrival(asked))
    answer.writeHead(Number(/^\/status\/(\d+)/.exec(asked.url ?? '')?.[1] ?? 200), { 'www-authenticate': 'Api' }).end('made it')
  })
  const [port = 0, apiPort = 0] = await freePorts(2)
  await listen(t, api, apiPort)
  const conf = replaced(CONF, {
    'server 127.0.0.1:3000;': `server 127.0.0.1:${latchkeyPort};`,
    'server 127.0.0.1:8000;': `server 127.0.0.1:${apiPort};`,
    'listen 8080;': `listen [::1]:${port};`,
  })
  await startNginx(t, conf, port)
  return { port, latchkeyPort, arrivals }
}

function replaced(text: string, changes: Record<string, string>): string {
  for (const [from, to] of Object.entries(changes)) {
    if (text.split(from).length !== 2) throw new Error(`not once in the file: ${from}`)
    text = text.replace(from, to)
  }
  return text
}

async function arrival(asked: IncomingMessage): Promise<Arrival> {
  const { method = '', url = '', rawHeaders } = asked
  const authorization = rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]?.toLowerCase() === 'authorization')
  return { method, url, authorization, body: await text(asked) }
}

async function listen(t: Test, server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close().closeAllConnections())
}

/** Sends a request to the nginx; `authorization` may be several headers. */
async function ask({ port }: Guarded, authorization?: string | string[], { method = 'GET', path = '/orders?page=2', body = '' } = {}) {
  const headers = authorization === undefined ? {} : { authorization }
  const asking = request({ host: '::1', port, path, method, agent: false, headers: headers as Record<string, string> })
  asking.end(body)
  const [answer]: IncomingMessage[] = (await once(asking, 'response')) as IncomingMessage[]
  if (answer === undefined) throw new Error('no answer')
  return { status: answer.statusCode, challenge: answer.headers['www-authenticate'], body: await text(answer) }
}

const CHALLENGE = 'Bearer realm="api"'
const refused = { status: 401, challenge: CHALLENGE }
const letIn = { status: 200, challenge: 'Api', body: 'made it' }
const bearer = (token: string) => `Bearer ${token}`

async function logIn({ url }: Service, username = 'alice') {
  await postTo(`${url}/api/users/`, { username, password: PASSWORD })
  const { body } = await postTo(`${url}/api/token/`, { username, password: PASSWORD })
  return body as { access: string; refresh: string }
}

t.test('nginx lets in who has a good access token, and nobody else', async (t) => {
  const service = await start(t, { DATABASE_URL: `file:${folder(t)}/latchkey.db` })
  const { access, refresh } = await logIn(service)
  const all = await guard(t, service.port)
  t.match(await ask(all), refused, 'no token')
  for (const token of [refresh, `${access.slice(0, -40)}${access.slice(-39)}`, 'no.to.ken']) t.match(await ask(all, bearer(token)), refused)
  t.match(await ask(all, 'Basic YWxpY2U6c2VjcmV0'), refused, 'another scheme')
  t.match(await ask(all, `${bearer(access)} ${access}`), { status: /^40[01]$/ }, 'no single token')
  t.match(await ask(all, bearer(access), { path: '/latchkey' }), { status: 404 }, 'the location that asks is not for clients')
  t.same(all.arrivals, [], 'nothing has reached the API')

  t.match(await ask(all, bearer(access)), letIn)
  const body = 'x'.repeat(100_000)
  t.match(await ask(all, bearer(access), { method: 'POST', body }), letIn)
  const authorization = [bearer(access)]
  t.same(all.arrivals, [
    { method: 'GET', url: '/orders?page=2', authorization, body: '' },
    { method: 'POST', url: '/orders?page=2', authorization, body },
  ])
})

t.test('nginx refuses a second header, which the API might read instead of the one that was checked', async (t) => {
  const service = await start(t, { DATABASE_URL: `file:${folder(t)}/latchkey.db` })
  const { access } = await logIn(service)
  const all = await guard(t, service.port)
  for (const headers of [
    [bearer(access), bearer('e30.e30.e30')],
    [bearer('e30.e30.e30'), bearer(access)],
  ]) {
    t.match(await ask(all, headers), { status: 400 })
  }
  t.same(all.arrivals, [])
})

t.test('what the API answers itself comes as it is', async (t) => {
  const service = await start(t, { DATABASE_URL: `file:${folder(t)}/latchkey.db` })
  const { access } = await logIn(service)
  const all = await guard(t, service.port)
  for (const status of [400, 401, 403, 429, 500, 503]) {
    t.match(await ask(all, bearer(access), { path: `/status/${status}` }), { ...letIn, status }, `${status}`)
  }
})

t.test('the end of a session holds at nginx with the next request', async (t) => {
  const DATABASE_URL = `file:${folder(t)}/latchkey.db`
  const service = await start(t, { DATABASE_URL })
  const all = await guard(t, service.port)
  const alice = await logIn(service)
  t.match(await ask(all, bearer(alice.access)), letIn)
  await postTo(`${service.url}/api/token/blacklist/`, { refresh: alice.refresh })
  t.match(await ask(all, bearer(alice.access)), refused, 'a logout')
  const bob = await logIn(service, 'bob')
  t.match(await ask(all, bearer(bob.access)), letIn)
  await run(t, { DATABASE_URL }, bare(process.execPath, 'cli.ts', 'users', 'disable', 'bob'))
  t.match(await ask(all, bearer(bob.access)), refused, 'a disabled user')
})

t.test('while Latchkey does not answer, or does not say, nginx answers 503 and lets nobody in', async (t) => {
  const service = await start(t, { DATABASE_URL: `file:${folder(t)}/latchkey.db` })
  const { access } = await logIn(service)
  const all = await guard(t, service.port)
  t.match(await ask(all, bearer(access)), letIn)
  await service.stop()
  all.arrivals.length = 0
  t.match(await ask(all, bearer(access)), { status: 503 }, 'it is stopped')
  for (const status of [302, 404, 429, 500, 503, undefined]) {
    const stub = createServer((_, answer) => void (status && answer.writeHead(status, { location: '/elsewhere' }).end()))
    await listen(t, stub, all.latchkeyPort)
    t.match(await ask(all, bearer(access)), { status: 503 }, `it answers ${status}`)
    await new Promise((resolve) => stub.close(resolve).closeAllConnections())
  }
  t.same(all.arrivals, [])
})
