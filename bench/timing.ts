// `npm run bench:timing` checks that the time of a refused login does not reveal whether a name is known, unknown or disabled: neither of
// one whose password is compared (401), nor of one that is promised a turn, past the limit of its name (429).
// And that it does not where users have hashes of several kinds, such as after a move from another system.
// `npm run bench:timing -- 3 500` makes three runs of 2 × 500 logins a pair of kinds; `npm run bench:timing -- 5 1000 mixed` the last part alone.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decoyOfKind } from '../domain/passwords/formats.ts'
import { rankTest } from '../harness/rank-test.ts'
import { type Server, startServer } from './child.ts'
import { insertUsers, insertUsersWith, passwordHash } from './database.ts'
import { median } from './measure.ts'
import { PASSWORD, post } from './row.ts'

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))

const [runs = 5, logins = 1000] = process.argv.slice(2, 4).map(Number)
const isMixedAlone = process.argv[4] === 'mixed'
const WARM_UP = 50
/** The kinds cannot be distinguished when both hold. */
const LEAST_P = 0.01
const MOST_PERCENT = 1
/** A smaller difference of medians is none that anybody sees, whatever part of a short answer it is. */
const LEAST_MS = 0.1

const PBKDF2 = 'pbkdf2_sha256$20000'

const FAR_AWAY = '1000000000'
/** The limits count as in service, but are never reached; `LIMITS=off` measures without them. */
const settings = {
  LIMITS: process.env.LIMITS ?? 'on',
  TRUST_PROXY: '127.0.0.1',
  LOGIN_FAILURES_PER_PAIR: FAR_AWAY,
  LOGIN_FAILURES_PER_ADDRESS: FAR_AWAY,
  LOGIN_FAILURES_PER_ACCOUNT: FAR_AWAY,
  LOG_LEVEL: 'warn',
}

const names = { known: makeNames(), disabled: makeNames(), unknown: makeNames() }
type Kind = keyof typeof names

const folder = mkdtempSync(join(tmpdir(), 'latchkey-timing-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const databaseUrl = `file:${join(folder, 'latchkey.db')}`
const agent = new Agent({ keepAlive: true, maxSockets: 1 })

/** Whether there are kinds that can be distinguished. */
const differ = isMixedAlone ? [] : [...(await compareWithHashes()), ...(await comparePromised())]
differ.push(await compareMixed())
agent.destroy()
process.exitCode = differ.includes(true) ? 1 : 0

async function compareWithHashes(): Promise<boolean[]> {
  const server = await startServer('../server.ts', { DATABASE_URL: databaseUrl, ...settings })
  await post(server, '/api/users/', { username: 'user', password: PASSWORD })
  await insertUsers(databaseUrl, names.known)
  await insertUsers(databaseUrl, names.disabled, false)
  for (const name of names.known.slice(0, WARM_UP)) await refusalMs(server, name, 401)
  console.log(`Refused logins, ${logins} of each kind a run in random order, one after the other on one connection.\n`)
  printHead()
  const compared = (name: string) => refusalMs(server, name, 401)
  const differ = [await compareKinds('known', 'unknown', compared), await compareKinds('known', 'disabled', compared)]
  await server.stop()
  return differ
}

async function comparePromised(): Promise<boolean[]> {
  const limited = await startServer('../server.ts', { DATABASE_URL: databaseUrl, ...settings, LOGIN_FAILURES_PER_ACCOUNT: '1' })
  const promised = (name: string, run: number) => refusalMs(limited, name, 429, `192.0.2.${run}`)
  // The first turn is free, for the lane is idle.
  for (const name of Object.values(names).flat()) await refusalMs(limited, name, 401, '192.0.2.254')
  for (const some of Object.values(names)) for (const name of some.slice(0, WARM_UP)) await promised(name, 253)
  console.log('\nThe same of logins past the limit of their names, which are promised a turn.\n')
  printHead()
  const differ = [await compareKinds('known', 'unknown', promised)]
  // As many networks as at the known names have a turn at the disabled ones: to count them takes a little time.
  for (let run = 0; run < runs; run++) for (const name of names.disabled) await promised(name, run)
  differ.push(await compareKinds('known', 'disabled', (name, run) => promised(name, 100 + run)))
  await limited.stop()
  return differ
}

/**
 * Where three in five users have PBKDF2 of few rounds, so that this ends in minutes, and some no password. The medians say nothing there: half
 * of what is measured is of the one kind or the other.
 */
async function compareMixed(): Promise<boolean> {
  const mixedUrl = `file:${join(folder, 'mixed.db')}`
  const start = () => startServer('../server.ts', { DATABASE_URL: mixedUrl, ...settings })
  const first = await start()
  await post(first, '/api/users/', { username: 'user', password: PASSWORD })
  await first.stop()
  const own = await passwordHash(mixedUrl)
  const hashAt = (share: number) => (share < 0.6 ? (decoyOfKind(PBKDF2) as string) : share < 0.95 ? own : '!')
  await insertUsersWith(
    mixedUrl,
    names.known.map((name, index) => ({ name, password: hashAt(index / logins) })),
  )
  // Kinds are counted when it starts.
  const mixed = await start()
  for (const name of shuffled(names.known).slice(0, WARM_UP)) await refusalMs(mixed, name, 401)
  console.log(`\nThe same where 60 % of the users have ${PBKDF2} and 5 % no password.\n`)
  printHead()
  const isTold = await compareKinds('known', 'unknown', (name) => refusalMs(mixed, name, 401), false)
  await mixed.stop()
  return isTold
}

function printHead(): void {
  console.log('| | p of the rank test | medians | difference |')
  console.log('|---|---:|---:|---:|')
}

/** Prints a line a run and one for their medians. @returns whether the kinds can be distinguished */
async function compareKinds(
  one: Kind,
  other: Kind,
  ask: (name: string, run: number) => Promise<number>,
  isByMedians = true,
): Promise<boolean> {
  const results: { p: number; percent: number; ms: number }[] = []
  for (let run = 0; run < runs; run++) {
    const times: Record<string, number[]> = { [one]: [], [other]: [] }
    const asks = shuffled([one, other].flatMap((kind) => names[kind as Kind].map((name) => ({ kind, name }))))
    for (const { kind, name } of asks) times[kind]?.push(await ask(name, run))
    const [a, b] = [times[one] ?? [], times[other] ?? []]
    const result = { p: rankTest(a, b), percent: (median(b) / median(a) - 1) * 100, ms: median(b) - median(a) }
    results.push(result)
    console.log(line(`${one}, ${other}`, result, `${median(a).toFixed(2)} ms, ${median(b).toFixed(2)} ms`))
  }
  const p = median(results.map((result) => result.p))
  const percent = median(results.map((result) => result.percent))
  console.log(line(`**${one}, ${other}: medians**`, { p, percent }, ''))
  const ms = median(results.map((result) => result.ms))
  return p <= LEAST_P || (isByMedians && Math.abs(percent) > MOST_PERCENT && Math.abs(ms) > LEAST_MS)
}

function line(what: string, { p, percent }: { p: number; percent: number }, medians: string): string {
  return `| ${what} | ${p.toPrecision(2)} | ${medians} | ${percent > 0 ? '+' : ''}${percent.toFixed(2)} % |`
}

/** From the start of the request to the end of the answer, in milliseconds. */
function refusalMs({ port }: Server, username: string, status: 401 | 429, from = '192.0.2.1'): Promise<number> {
  const body = JSON.stringify({ username, password: 'wrong horse battery' })
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': body.length, 'x-forwarded-for': from }
    const asking = request({ agent, host: '127.0.0.1', port, path: '/api/token/', method: 'POST', headers })
    const began = performance.now()
    asking.once('error', reject).once('response', (answer) => {
      if (answer.statusCode !== status) reject(new Error(`a wrong password is answered ${answer.statusCode}`))
      answer.resume().once('end', () => resolve(performance.now() - began))
    })
    asking.end(body)
  })
}

function makeNames(): string[] {
  return Array.from({ length: logins }, () => randomBytes(8).toString('hex'))
}

function shuffled<T>(values: readonly T[]): T[] {
  return values
    .map((value) => ({ value, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value)
}
