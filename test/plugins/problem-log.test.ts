import { Writable } from 'node:stream'
import { mock } from 'node:test'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { loadConfig } from '../../config.ts'
import { DatabaseOverloaded, DatabaseUnavailable } from '../../db/errors.ts'
import { crossSite, Problem, throttled, unavailable } from '../../domain/errors.ts'
import { serverOptions } from '../../http/options.ts'
import errors from '../../plugins/errors.ts'
import notFound from '../../plugins/not-found.ts'
import problemLog from '../../plugins/problem-log.ts'
import requestLog from '../../plugins/request-log.ts'
import validation from '../../plugins/validation.ts'
import { databaseUrl } from '../databases.ts'

type Line = Record<string, unknown>

/** A server with the log of the service and one route, which throws what it is told to; its timers go by `mock.timers.tick`. */
async function failing(t: Test, fail: () => unknown) {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const config = loadConfig({ DATABASE_URL: await databaseUrl(t), LOG_LEVEL: 'info' })
  const { logger, ...options } = serverOptions(config)
  const lines: Line[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()))
      done()
    },
  })
  const app = Fastify({ ...options, logger: { ...(logger as object), stream } })
  app.decorate('config', config)
  for (const plugin of [validation, problemLog, errors, requestLog, notFound]) await app.register(plugin)
  app.get('/failing/:id/', async () => {
    throw fail()
  })
  t.teardown(() => app.close())
  await app.ready()
  const ask = async (times: number) => {
    for (let i = 0; i < times; i++) {
      await app.inject({ url: `/failing/${i}/`, remoteAddress: '203.0.113.7', headers: { 'x-request-id': `request-${i}` } })
    }
  }
  return { app, lines, ask }
}

/** What is the same in each run. */
function told({ time, pid, hostname, ms, ...line }: Line): Line {
  return line
}

const request = (i: number) => ({ reqId: `request-${i}`, method: 'GET', path: '/failing/:id/', ip: '203.0.113.7' })

const storms: readonly [name: string, error: Error, told: Line][] = [
  [
    'database_unavailable',
    new DatabaseUnavailable('/data/latchkey.db: the disk is full (SQLITE_FULL)'),
    { level: 40, status: 503, reason: '/data/latchkey.db: the disk is full (SQLITE_FULL)' },
  ],
  ['overloaded', new DatabaseOverloaded('too many writes are waiting'), { level: 40, status: 503, reason: 'too many writes are waiting' }],
  ['overloaded', unavailable('overloaded', 'Too many passwords.', 7), { level: 40, status: 503, reason: 'Too many passwords.' }],
  ['stopping', unavailable('stopping', 'The service is stopping.'), { level: 30, status: 503, reason: 'The service is stopping.' }],
  ['throttled', throttled(1000), { level: 30, status: 429 }],
  ['cross_site', crossSite(), { level: 30, status: 403 }],
]

for (const [code, error, rest] of storms) {
  t.test(`a storm of ${code} (${error.message}) is two lines in its second: the first of all, the first of the others`, async (t) => {
    const { lines, ask } = await failing(t, () => error)
    await ask(100)
    mock.timers.tick(1000)
    const line = { ...rest, code, msg: 'requests were refused' }
    t.strictSame(lines.map(told), [
      { ...line, count: 1, ...request(0) },
      { ...line, count: 99, ...request(1) },
    ])
  })
}

t.test('what is held back is written when the service stops', async (t) => {
  const { app, lines, ask } = await failing(t, () => throttled(1000))
  await ask(10)
  await app.close()
  t.same(
    lines.map(({ code, count }) => [code, count]),
    [
      ['throttled', 1],
      ['throttled', 9],
    ],
  )
})

t.test('so are the faults that are held back', async (t) => {
  const { app, lines, ask } = await failing(t, () => new Error('broken'))
  await ask(10)
  await app.close()
  t.same(
    lines.filter(({ level }) => level === 50).map(({ msg, count }) => [msg, count]),
    [
      ['broken', 1],
      ['broken', 9],
    ],
  )
})

t.test('a fault has its stack, and that of its cause, in one line a second; each of its requests a short line', async (t) => {
  const { lines, ask } = await failing(t, () =>
    Object.assign(new TypeError('broken', { cause: new Error('deeper') }), { sent: 'a secret' }),
  )
  await ask(100)
  mock.timers.tick(1000)
  const faults = lines.filter(({ level }) => level === 50)
  t.same(
    faults.map(({ count, reqId, path, msg }) => ({ count, reqId, path, msg })),
    [
      { count: 1, reqId: 'request-0', path: '/failing/:id/', msg: 'broken' },
      { count: 99, reqId: 'request-1', path: '/failing/:id/', msg: 'broken' },
    ],
  )
  t.match(faults[0]?.err, { type: 'TypeError', message: 'broken', stack: /^TypeError: broken\n +at .*\ncaused by: Error: deeper\n +at /s })
  t.notOk(JSON.stringify(lines).includes('a secret'), 'no other member of the error')
  const requests = lines.filter(({ level }) => level === 30)
  t.equal(requests.length, 100)
  t.notOk(JSON.stringify(requests).includes('stack'))
})

t.test('a thousand different faults are eleven lines at once, and one that is left out is counted', async (t) => {
  let failures = 0
  const { lines, ask } = await failing(t, () => new Error(`broken ${failures++}`))
  await ask(1000)
  const faults = () => lines.filter(({ level }) => level === 50)
  t.equal(faults().length, 11)
  mock.timers.tick(1000)
  t.equal(faults().length, 12)
  t.same(faults().at(-1)?.count, 989)
})

t.test('a fault that is told apart stays so for its second, however many others come', async (t) => {
  let message = ''
  const { lines, ask } = await failing(t, () => new Error(message))
  for (let i = 0; i < 20; i++) {
    message = `broken ${i}`
    await ask(1)
  }
  message = 'broken 0'
  await ask(2)
  mock.timers.tick(1000)
  const held = lines.filter(({ level, count }) => level === 50 && count !== 1)
  t.same(
    held.map(({ msg, count }) => [msg, count]),
    [
      ['broken 0', 2],
      ['broken 11', 9],
    ],
  )
})

t.test('what only its client can mend is a line of its request, and no other', async (t) => {
  const { lines, ask } = await failing(t, () => new Problem('not_authenticated', 'Authentication credentials were not provided.'))
  await ask(2)
  t.strictSame(
    lines.map(told),
    [0, 1].map((i) => ({ level: 30, ...request(i), status: 401, code: 'not_authenticated' })),
  )
})

t.test('the log has the pattern of a route, and of an unknown path nothing; the line of such a request is short', async (t) => {
  const { app, lines } = await failing(t, () => new Problem('not_found', 'Not found.'))
  const paths = [
    '/failing/typed-secret/',
    '/typed-secret/',
    `/failing/${'typed-secret'.repeat(100)}/`,
    '/typed-secret%zz',
    '/%zz?typed-secret',
  ]
  for (const url of paths) await app.inject({ url, remoteAddress: '2001:db8:1234:5678:9abc:def0:1234:5678' })
  for (const url of paths) await app.inject({ method: 'POST', url, remoteAddress: '2001:db8:1234:5678:9abc:def0:1234:5678' })
  t.same(
    lines.map(({ method, path, status }) => [method, path, status]),
    [
      ['GET', '/failing/:id/', 404],
      ['GET', undefined, 404],
      ['GET', undefined, 400],
      ['GET', undefined, 400],
      ['GET', undefined, 400],
      ['POST', '/failing/:id/', 405],
      ['POST', undefined, 404],
      ['POST', '/failing/:id/', 405],
      ['POST', undefined, 400],
      ['POST', undefined, 400],
    ],
  )
  t.notOk(JSON.stringify(lines).includes('typed-secret'))
  for (const line of lines) t.ok(JSON.stringify(told(line)).length < 200, 'without time, process and host it has less than 200 bytes')
})

t.test('a secret header is not shown, should it ever be logged', async (t) => {
  const { app, lines } = await failing(t, () => new Error('not asked'))
  const headers = { authorization: 'Bearer hunter2', 'x-device-token': 'hunter3', accept: '*/*' }
  app.log.info({ headers }, 'headers')
  app.log.info({ req: { method: 'GET', url: '/hunter4', headers } }, 'a request')
  t.match(lines, [{ headers: { authorization: '[Redacted]', 'x-device-token': '[Redacted]', accept: '*/*' } }, { req: { method: 'GET' } }])
  t.notMatch(JSON.stringify(lines), /hunter/)
})
