// Not on PostgreSQL: it is about HTTP alone.
import dns, { type LookupAddress, type LookupAllOptions } from 'node:dns'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import t, { type Test } from 'tap'
import { build, type TestApp } from '../helper.ts'
import { bundle, lastLive, listen, live, openConnections, until, untilClosed } from './sockets.ts'
import { open, parseAnswers } from './talk.ts'

/** With these, four networks have two connections each. */
const EIGHT = { MAX_CONNECTIONS: '8' }
const onLinux = process.platform === 'linux' ? {} : { skip: 'elsewhere than on Linux the loopback interface has one address' }

/** Several connections of one address, in this order. They are open to the client; whether the service keeps them shows later. */
async function openFrom(t: Test, port: number, address: string, count: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  for (let i = 0; i < count; i++) sockets.push((await open(t, port, address)).resume())
  return sockets
}

/** Which of them the service has closed, once it has closed so many. */
async function closedOnes(sockets: readonly Socket[], count: number): Promise<boolean[]> {
  await until(() => sockets.filter(({ closed }) => closed).length >= count)
  return sockets.map(({ closed }) => closed)
}

/** Asks on a connection of its own. @returns the status; undefined when it is closed without an answer */
async function probe(t: Test, port: number, address: string): Promise<number | undefined> {
  const socket = await open(t, port, address)
  socket.write(lastLive)
  return parseAnswers(await untilClosed(socket))[0]?.status
}

/** Begins a request without its body, and waits until the service has read its headers. */
async function begin({ server }: TestApp, socket: Socket): Promise<void> {
  const read = once(server, 'request')
  socket.write('POST /api/token/verify/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n')
  await read
}

async function untilAnswered(socket: Socket): Promise<number> {
  const [bytes] = await once(socket, 'data')
  return Number(String(bytes).split(' ')[1])
}

/** Sends a request on an open connection and waits for its answer. */
async function use(socket: Socket): Promise<void> {
  socket.write(live)
  await once(socket, 'data')
}

t.test('one client that takes all connections, and uses each now and then, keeps a quarter, and others are served', onLinux, async (t) => {
  const { app, port } = await listen(t, EIGHT)
  const taken = await openFrom(t, port, '127.0.0.2', 10)
  t.strictSame(await closedOnes(taken, 2), [true, true, ...Array(8).fill(false)], 'its own longest idle ones give way')
  t.equal(await probe(t, port, '127.0.0.3'), 200)
  app.clock.advance(1)
  await until(() => taken.filter(({ closed }) => closed).length >= 8)
  const own = taken.slice(8)
  for (let i = 0; i < 10; i++) {
    for (const socket of own) await use(socket)
    t.equal(await probe(t, port, '127.0.0.3'), 200)
  }
  t.same(app.connections.stats, { open: 2, networks: 1 })
})

t.test('one client with a request under way on every connection keeps no other one out', onLinux, async (t) => {
  const { app, port } = await listen(t, EIGHT)
  const warnings = warningsOf(app)
  const release = holdLogins(app)
  const busy = await openFrom(t, port, '127.0.0.2', 8)
  for (const [i, socket] of busy.entries()) await logInOn(app, socket, i)
  t.equal(await probe(t, port, '127.0.0.2'), undefined, 'a further one of its own is refused')
  t.same(warnings, ['MAX_CONNECTIONS=8 are open and in use: more are refused'])
  t.equal(await probe(t, port, '127.0.0.3'), 200)
  t.strictSame(await closedOnes(busy, 1), [...Array(7).fill(false), true])
  release()
})

t.test('when all connections are taken, the one that has been idle longest gives way to a newcomer', onLinux, async (t) => {
  const { port } = await listen(t, EIGHT)
  const taken = await takeAll(t, port)
  await use(taken[0] as Socket)
  const probes = await openFrom(t, port, '127.0.0.6', 2)
  t.strictSame(await closedOnes(taken, 2), [false, true, true, false, false, false, false, false], 'the first one was used since')
  for (const socket of probes) await use(socket)
})

t.test(
  'probes from another address are all answered beside clients that take all connections and use each again and again',
  onLinux,
  async (t) => {
    const { port } = await listen(t, EIGHT)
    for (let i = 0; i < 10; i++) {
      for (const address of ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5']) {
        for (const socket of await openFrom(t, port, address, 2)) socket.write(live)
      }
      t.equal(await probe(t, port, '127.0.0.6'), 200)
    }
  },
)

/** Lets every login wait until it is called. */
function holdLogins({ hashing }: TestApp): () => void {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  hashing.matches = () => promise
  return () => resolve(false)
}

/** Sends a login, which waits, and returns when it has been read. */
async function logInOn({ server }: TestApp, socket: Socket, name: number): Promise<void> {
  const read = once(server, 'request')
  const body = JSON.stringify({ username: `user ${name}`, password: 'wrong horse battery' })
  socket.write(`POST /api/token/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  await read
}

/** Two connections of each of four networks. */
async function takeAll(t: Test, port: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  for (const address of ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5']) sockets.push(...(await openFrom(t, port, address, 2)))
  return sockets
}

function warningsOf(app: TestApp): unknown[] {
  const warnings: unknown[] = []
  app.log.warn = (message: unknown) => void warnings.push(message)
  return warnings
}

t.test(
  'a connection whose request is worked on never gives way: newcomers are refused, which is logged once a minute',
  onLinux,
  async (t) => {
    const { app, port } = await listen(t, EIGHT)
    const warnings = warningsOf(app)
    const release = holdLogins(app)
    const busy = await takeAll(t, port)
    for (const [i, socket] of busy.entries()) await logInOn(app, socket, i)
    for (let i = 0; i < 2; i++) t.equal(await probe(t, port, '127.0.0.6'), undefined)
    const full = 'MAX_CONNECTIONS=8 are open and in use: more are refused'
    t.same(warnings, [full])
    app.clock.advance(60)
    t.equal(await probe(t, port, '127.0.0.6'), undefined)
    t.same(warnings, [full, full])
    const answers = busy.map(untilAnswered)
    release()
    t.strictSame(await Promise.all(answers), Array(8).fill(401))
    t.equal(await probe(t, port, '127.0.0.6'), 200, 'answered ones are idle')
  },
)

t.test('where none is idle, the connection gives way whose client has kept the rest of a request longest', onLinux, async (t) => {
  const { app, port } = await listen(t, EIGHT)
  const release = holdLogins(app)
  const [first, ...others] = (await takeAll(t, port)) as [Socket, ...Socket[]]
  await logInOn(app, first, 1)
  for (const socket of others) await begin(app, socket)
  t.equal(await probe(t, port, '127.0.0.6'), 200)
  t.strictSame(await closedOnes(others, 1), [true, ...Array(6).fill(false)])
  const answer = untilAnswered(first)
  release()
  t.equal(await answer, 401)
})

t.test('where none is idle, the connection gives way whose client does not take its answers', onLinux, async (t) => {
  const { app, port } = await listen(t, EIGHT)
  const release = holdLogins(app)
  const came = once(app.server, 'connection') as Promise<[Socket]>
  const [unread, ...others] = (await takeAll(t, port)) as [Socket, ...Socket[]]
  for (const [i, socket] of others.entries()) await logInOn(app, socket, i)
  unread.pause().write(bundle.repeat(20))
  const [theirs] = await came
  await until(() => theirs.writableLength > 0)
  t.equal(await probe(t, port, '127.0.0.6'), 200)
  t.ok(theirs.destroyed)
  release()
})

t.test('a proxy of TRUST_PROXY may take all connections', async (t) => {
  const { app, port } = await listen(t, { ...EIGHT, TRUST_PROXY: '10.0.0.0/8,127.0.0.1' })
  const taken = await openFrom(t, port, '127.0.0.1', 10)
  t.strictSame(await closedOnes(taken, 2), [true, true, ...Array(8).fill(false)])
  t.same(app.connections.stats, { open: 8, networks: 0 })
})

t.test('of connections that ended in whatever way nothing is left', onLinux, async (t) => {
  const { app, port } = await listen(t, EIGHT, { requestTimeout: 200, headersTimeout: 100 })
  const ways: ((socket: Socket) => unknown)[] = [
    (socket) => socket.destroy(),
    (socket) => socket.end(),
    (socket) => socket.resetAndDestroy(),
    (socket) => socket.write(lastLive),
    (socket) => socket.write(live.repeat(20), () => socket.destroy()),
    (socket) => socket.write('nonsense\r\n\r\n'),
    (socket) => begin(app, socket).then(() => socket.destroy()),
    (socket) => begin(app, socket),
    (socket) => socket.write('GET / HTTP/1.1\r\n'),
    () => {},
  ]
  for (let i = 0; i < 200; i++) {
    const socket = (await open(t, port, `127.0.0.${2 + (i % 5)}`)).resume()
    void ways[i % ways.length]?.(socket)
  }
  await until(async () => app.connections.stats.open === (await openConnections(app)))
  await until(() => app.connections.stats.open === 0)
  t.same(app.connections.stats, { open: 0, networks: 0 })
  t.equal(await probe(t, port, '127.0.0.2'), 200)
})

// Fastify makes a second server for the second address where it makes the servers itself: that one would know neither limits nor answers.
t.test('localhost is listened on by one server, also where it has two addresses', async (t) => {
  const both = [
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 },
  ]
  const { lookup } = dns
  t.intercept(dns, 'lookup', {
    value: (host: string, options: LookupAllOptions, done: (error: Error | null, found: LookupAddress[]) => void) =>
      host === 'localhost' ? done(null, both) : lookup(host, options, done),
  })
  const app = await build(t)
  await app.listen({ host: 'localhost', port: 0 })
  t.strictSame(app.addresses(), [app.server.address() as AddressInfo])
})
