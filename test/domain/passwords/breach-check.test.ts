// Not on PostgreSQL: it uses no database.
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { BreachCheck, type BreachCheckOptions } from '../../../domain/passwords/breach-check.ts'
import { PASSWORD } from '../../helper.ts'
import { type Answer, deadUrl, knows, range, rangeServer, sha1 } from '../../range-server.ts'

const { prefix, suffix } = sha1(PASSWORD)
const LONG_MS = 20_000
const SHORT_MS = 50

function checker(options: Partial<BreachCheckOptions>) {
  const warnings: object[] = []
  const log = { warn: (details: object) => warnings.push(details) }
  const check = new BreachCheck({ url: undefined, clock: () => 0, timeoutMs: LONG_MS, log, ...options })
  return { check, warnings }
}

t.test('a password is looked up by the first five hex digits of its SHA-1, with padding, and no more of it is sent', async (t) => {
  const { url, requests } = await rangeServer(t, knows(PASSWORD))
  const { check, warnings } = checker({ url })
  t.equal(await check.isBreached(PASSWORD), true)
  t.equal(await check.isBreached(`${PASSWORD}!`), false)
  t.same(
    requests.map(({ method, path, headers }) => [method, path, headers['add-padding']]),
    [
      ['GET', `/range/${prefix}`, 'true'],
      ['GET', `/range/${sha1(`${PASSWORD}!`).prefix}`, 'true'],
    ],
  )
  const sent = JSON.stringify(requests).toUpperCase()
  for (const secret of [PASSWORD.toUpperCase(), suffix, suffix.slice(0, 8)]) t.notOk(sent.includes(secret), secret)
  t.same(check.stats, { breached: 1, unknown: 1, failed: 0 })
  t.same(warnings, [])
})

const other = `${suffix.slice(0, -1)}${suffix.endsWith('0') ? '1' : '0'}`
const ranges: [name: string, text: string, isBreached: boolean][] = [
  ['alone', `${suffix}:1`, true],
  ['the last', `${other}:5\r\n${suffix}:12`, true],
  ['with plain line breaks, in lower case', `${other}:5\n${suffix.toLowerCase()}:100\n`, true],
  ['padding, which has the count 0', `${suffix}:0\r\n${other}:5`, false],
  ['another that is nearly the same', `${other}:5`, false],
  ['inside of another line', `${other}:5${suffix}:9`, false],
  ['an empty range', '', false],
]

for (const [name, text, isBreached] of ranges) {
  t.test(`the suffix of a password is found in a range, or not: ${name}`, async (t) => {
    const { url } = await rangeServer(t, (_request, response) => response.end(text))
    const { check } = checker({ url })
    t.equal(await check.isBreached(PASSWORD), isBreached)
    t.same(check.stats, { breached: Number(isBreached), unknown: Number(!isBreached), failed: 0 })
  })
}

const listed = `${suffix}:9\r\n`
const padded = `${listed}${`${'F'.repeat(35)}:0\r\n`.repeat(7000)}`
/** Answers that contain the password's hash, and must not count. */
const hostile: { name: string; answer: Answer; reason: string; timeoutMs?: number }[] = [
  {
    name: 'answers with an error',
    answer: (_request, response) => response.writeHead(503).end(listed),
    reason: 'its status is 503',
  },
  { name: 'is not there any more', answer: (_request, response) => response.writeHead(404).end(listed), reason: 'its status is 404' },
  {
    name: 'has another format',
    answer: (_request, response) => response.end(`<!doctype html>\n${listed}`),
    reason: 'its answer is no range of hashes',
  },
  { name: 'answers too much', answer: (_request, response) => response.end(padded), reason: 'its answer does not end' },
  {
    name: 'answers too much in few bytes',
    answer: (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(padded)),
    reason: 'its answer does not end',
  },
  {
    name: 'hangs up in the middle',
    answer(_request, response) {
      response.writeHead(200, { 'content-length': '1000' }).write(listed)
      setImmediate(() => response.destroy())
    },
    reason: 'UND_ERR_SOCKET',
  },
  { name: 'never answers', answer: () => {}, reason: 'it does not answer in time', timeoutMs: SHORT_MS },
  {
    name: 'never finishes its answer',
    answer: (_request, response) => response.writeHead(200).write(listed),
    reason: 'it does not answer in time',
    timeoutMs: SHORT_MS,
  },
]

for (const { name, answer, reason, timeoutMs = LONG_MS } of hostile) {
  t.test(`when the breach list ${name}, the password is accepted, and the log warns`, async (t) => {
    const { url } = await rangeServer(t, answer)
    const { check, warnings } = checker({ url, timeoutMs })
    t.equal(await check.isBreached(PASSWORD), false)
    t.same(check.stats, { breached: 0, unknown: 0, failed: 1 })
    t.same(warnings, [{ reason, failed: 1 }])
  })
}

t.test('a redirect of the breach list is not followed: it would send the prefix of the hash to another host', async (t) => {
  const elsewhere = await rangeServer(t, knows(PASSWORD))
  const { url } = await rangeServer(t, (request, response) => {
    response.writeHead(302, { location: `${elsewhere.url}${String(request.url).slice(-5)}` }).end()
  })
  const { check, warnings } = checker({ url })
  t.equal(await check.isBreached(PASSWORD), false)
  t.same(elsewhere.requests, [])
  t.same(warnings, [{ reason: 'unexpected redirect', failed: 1 }])
})

t.test('while the breach list cannot be reached, the log warns once a minute: the failures, no part of the password', async (t) => {
  let now = 0
  const { check, warnings } = checker({ url: await deadUrl(), clock: () => now })
  const fail = async (times: number) => {
    for (let i = 0; i < times; i++) t.equal(await check.isBreached(PASSWORD), false)
  }
  await fail(5)
  now += 59_999
  await fail(5)
  now += 1
  await fail(5)
  t.same(warnings, [
    { reason: 'ECONNREFUSED', failed: 1 },
    { reason: 'ECONNREFUSED', failed: 11 },
  ])
  t.same(check.stats, { breached: 0, unknown: 0, failed: 15 })
})

t.test('when the breach list answers again, its answers count again', async (t) => {
  let isDead = true
  const { url } = await rangeServer(t, (request, response) => {
    if (isDead) response.writeHead(500).end()
    else response.end(range([PASSWORD], String(request.url).slice(-5)))
  })
  const { check } = checker({ url })
  for (let i = 0; i < 10; i++) await check.isBreached(PASSWORD)
  isDead = false
  t.equal(await check.isBreached(PASSWORD), true)
})

t.test('while the host name is being resolved, further checks take no further thread of the pool', async (t) => {
  // The timer of the check is unreferenced: without this one the process would end before it fires.
  const alive = setInterval(() => {}, LONG_MS)
  t.teardown(() => clearInterval(alive))
  let asked = 0
  const resolve = () => {
    asked++
    return new Promise(() => {})
  }
  const { check } = checker({ url: 'http://localhost:1/', timeoutMs: SHORT_MS, resolve })
  const answers = await Promise.all([1, 2, 3, 4, 5].map(() => check.isBreached(PASSWORD)))
  t.same(answers, [false, false, false, false, false])
  t.equal(await check.isBreached(PASSWORD), false)
  t.equal(asked, 1)
  t.same(check.stats, { breached: 0, unknown: 0, failed: 6 })
})

t.test('at most 32 look-ups run at the same time', async (t) => {
  let isHanging = true
  const { url, requests } = await rangeServer(t, (_request, response) => {
    if (!isHanging) response.end(listed)
  })
  const { check, warnings } = checker({ url, timeoutMs: 500 })
  await Promise.all(Array.from({ length: 40 }, () => check.isBreached(PASSWORD)))
  t.equal(requests.length, 32)
  t.same(check.stats, { breached: 0, unknown: 0, failed: 40 })
  t.same(warnings, [{ reason: 'too many checks are under way', failed: 1 }])
  isHanging = false
  t.equal(await check.isBreached(PASSWORD), true, 'later look-ups run when these have ended')
})

t.test('without a URL no password is looked up', async (t) => {
  const { check, warnings } = checker({ resolve: () => Promise.reject(new Error('asked')) })
  t.equal(await check.isBreached('password'), false)
  t.same(check.stats, { breached: 0, unknown: 0, failed: 0 })
  t.same(warnings, [])
})
