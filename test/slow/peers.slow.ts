import { once } from 'node:events'
import { createServer, request, type Server } from 'node:http'
import t, { type Test } from 'tap'
import { freePorts } from '../../harness/free-ports.ts'
import { type Peer, peers, type Running, SPRING, say, startPeer } from './peers/programs.ts'
import { build, missing, type Project } from './peers/projects.ts'
import { type Issuer, issuer, userOf } from './peers/tokens.ts'

// The programs of docs/protecting-an-api.md, each built as it is shown, and asked with the same tokens.

/** A first build downloads and compiles what the programs need. */
t.setTimeout(1_800_000)

const refused = { status: 401, challenge: /^Bearer\b.*\berror="invalid_token"/ }
const unasked = { status: 401, challenge: /^Bearer\b(?!.*\berror=)/ }
const accepted = (token: string) => ({ status: 200, user: userOf(token) })
const bearer = (token: string) => `Bearer ${token}`

/** What a peer must say at a path to a request with this header. */
type Row = readonly [what: string, authorization: string | undefined, me: object, asked: object]

function rows({ good, bad, earlier, ended }: Issuer): Row[] {
  return [
    ['a good token', bearer(good), accepted(good), accepted(good)],
    ['the scheme in small letters', `bearer ${good}`, accepted(good), accepted(good)],
    ['no token', undefined, unasked, unasked],
    ['another scheme', 'Basic YWxpY2U6c2VjcmV0', unasked, unasked],
    ...Object.entries(bad).map(([what, token]): Row => [what, bearer(token), refused, refused]),
    ...Object.entries(earlier).map(([what, token]): Row => [what, bearer(token), refused, accepted(token)]),
    ...Object.entries(ended).map(([what, token]): Row => [what, bearer(token), accepted(token), refused]),
  ]
}

/** Headers that hold no single token, good ones in them. */
const malformed = (good: string) => [
  `Bearer ${good}, Basic YWxpY2U6c2VjcmV0`,
  `Bearer ${good} ${good}`,
  `Bearer ${good},${good}`,
  'Bearer ',
]

async function checkTable(t: Test, running: Running, all: Issuer): Promise<void> {
  const paths = running.peer.asksNot ? ['/me'] : ['/me', '/asked']
  for (const [what, authorization, me, asked] of rows(all)) {
    for (const path of paths) t.match(await say(running, path, authorization), path === '/me' ? me : asked, `${path}, ${what}`)
  }
  for (const authorization of malformed(all.good)) {
    for (const path of paths) {
      const { status } = await say(running, path, authorization)
      t.ok([400, 401].includes(status), `${path}, ${authorization.replaceAll(all.good, 'TOKEN')}: ${status}`)
    }
  }
}

/** Nothing of a token may be in what a program writes, and nothing of its own secret. */
function checkOutput(t: Test, { peer, output }: Running, { good, bad, earlier, ended, env }: Issuer): void {
  const tokens = [good, ...[bad, earlier, ended].flatMap((some) => Object.values(some))]
  const parts = [env.CLIENT_SECRET, ...tokens.flatMap((token) => token.split('.')).filter((part) => part.length > 20)]
  t.same(
    parts.filter((part) => output().includes(part)),
    [],
    `${peer.name} writes nothing of a token`,
  )
}

/** What the programs say while their Latchkey is down, and while something else is at its address. */
async function checkOutage(t: Test, running: Running, { good, bad }: Issuer): Promise<void> {
  t.match(await say(running, '/me', bearer(good)), accepted(good), '/me goes on with the keys that it has')
  t.match(
    await say(running, '/me', bearer(bad['a token with a byte changed'] as string)),
    { status: /^[45]/ },
    '/me refuses a changed token',
  )
  t.match(await say(running, '/me', bearer(bad['a token of another Latchkey'] as string)), { status: /^[45]/ }, '/me, an unknown key')
  if (running.peer.asksNot) return
  t.match(await say(running, '/asked', bearer(good)), { status: 503 }, '/asked says that it cannot tell')
}

/** A program that starts while no keys can be had lets nobody in. */
async function checkWithoutKeys(t: Test, peer: Peer, { good, env }: Issuer): Promise<void> {
  const running = await startPeer(t, peer, env).catch(() => undefined)
  const status = running === undefined ? 'it does not start' : (await say(running, '/me', bearer(good))).status
  t.equal(status, peer.withoutKeys, `${peer.name}, no keys yet`)
}

/** Answers of an address that is not, or not yet, Latchkey's: none is a verdict. `hang` is that none comes. */
const NO_VERDICTS: Readonly<Record<string, readonly [status: number, body: string] | 'hang'>> = {
  'no answer': 'hang',
  'a 401': [401, '{"error":"invalid_client"}'],
  'a 429': [429, '{"code":"throttled"}'],
  'a 500': [500, '{"active":true,"token_type":"access","sub":"2"}'],
  'a 302': [302, ''],
  'no JSON': [200, '<!doctype html>'],
}

async function checkNoVerdict(t: Test, running: Running, port: number, good: string): Promise<void> {
  for (const [what, answer] of Object.entries(NO_VERDICTS)) {
    const server = createServer((_request, response) => {
      if (answer !== 'hang') response.writeHead(answer[0], { 'content-type': 'application/json', location: '/elsewhere' }).end(answer[1])
    })
    await listen(server, port)
    const began = performance.now()
    t.match(await say(running, '/asked', bearer(good)), { status: 503 }, `/asked, ${what}`)
    t.ok(performance.now() - began < 10_000, `/asked, ${what}: in time`)
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

/** Answers of introspection that name no user. */
const NAMELESS = ['{"active":true}', '{"active":true,"token_type":"access"}']

async function checkNameless(t: Test, running: Running, port: number, good: string): Promise<void> {
  for (const body of NAMELESS) {
    const server = createServer((_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(body))
    await listen(server, port)
    t.not((await say(running, '/asked', bearer(good))).status, 200, `/asked, ${body}`)
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
}

const absent = new Map<Project, string>()

t.test('every program is built as it is shown', async (t) => {
  for (const project of new Set(
    peers.filter(({ name }) => new RegExp(process.env.PEERS ?? '.').test(name)).map(({ project }) => project),
  )) {
    const reason = await missing(project)
    if (reason !== undefined) absent.set(project, reason)
    await t.test(project.folder, { skip: reason ?? false }, () => build(project))
  }
})

const settings = {
  'by default': {},
  'with tokens of RFC 9068': { JWT_PROFILE: 'rfc9068', JWT_AUDIENCE: 'https://shop.example' },
}
for (const [name, env] of Object.entries(settings)) {
  t.test(`${name}, the programs let in who has a good access token, and nobody else`, async (t) => {
    const all = await issuer(t, env)
    const there = peers.filter(({ project, name }) => !absent.has(project) && new RegExp(process.env.PEERS ?? '.').test(name))
    const running = await Promise.all(there.map((peer) => startPeer(t, peer, { ...all.env, ...('JWT_PROFILE' in env && peer.rfc9068) })))
    for (const one of running) await t.test(one.peer.name, (t) => checkTable(t, one, all))
    await all.service.stop()
    for (const one of running) await t.test(`${one.peer.name}, Latchkey stopped`, (t) => checkOutage(t, one, all))
    for (const one of running.filter(({ peer }) => !peer.asksNot)) {
      await t.test(`${one.peer.name}, another server in its place`, (t) => checkNoVerdict(t, one, all.service.port, all.good))
      await t.test(`${one.peer.name}, a verdict without a user`, (t) => checkNameless(t, one, all.service.port, all.good))
    }
    for (const one of running) checkOutput(t, one, all)
    if (name === 'by default') await Promise.all(there.map((peer) => checkWithoutKeys(t, peer, all)))
  })
}

t.test('Spring refuses the access tokens of RFC 9068 that it was not told of', async (t) => {
  const reason = absent.get(SPRING.project)
  if (reason !== undefined) return t.pass(reason, { skip: reason })
  const all = await issuer(t, settings['with tokens of RFC 9068'])
  t.match(await say(await startPeer(t, SPRING, all.env), '/me', bearer(all.good)), refused)
})

t.test('the keys are found by an issuer with a path, behind a proxy that takes the path off', async (t) => {
  const [port = 0] = await freePorts(1)
  const ISSUER = `http://127.0.0.1:${port}/auth`
  const all = await issuer(t, { PUBLIC_URL: ISSUER, JWT_ISSUER: ISSUER })
  const proxy = createServer((asked, answer) => {
    const to = request(`${all.service.url}${asked.url?.replace(/^\/auth(?=\/)/, '')}`, { method: asked.method, headers: asked.headers })
    asked.pipe(to).once('response', (from) => from.pipe(answer.writeHead(from.statusCode ?? 502, from.headers)))
  })
  await listen(proxy, port)
  t.teardown(() => proxy.close().closeAllConnections())
  const finders = peers.filter(({ project, discovers }) => discovers && !absent.has(project))
  for (const peer of finders) {
    t.match(await say(await startPeer(t, peer, all.env), '/me', bearer(all.good)), accepted(all.good), peer.name)
  }
})
