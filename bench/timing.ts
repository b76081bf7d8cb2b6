// `npm run bench:timing` checks that the time of a refused login does not reveal whether a name is known, unknown or disabled.
// `npm run bench:timing -- 3 500` makes three runs of 2 × 500 logins a pair of kinds.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rankTest } from '../harness/rank-test.ts'
import { type Server, startServer } from './child.ts'
import { insertUsers } from './database.ts'
import { median } from './measure.ts'
import { PASSWORD, post } from './row.ts'

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))

const [runs = 5, logins = 1000] = process.argv.slice(2).map(Number)
const WARM_UP = 50
/** The kinds cannot be distinguished when both hold. */
const LEAST_P = 0.01
const MOST_PERCENT = 1

const FAR_AWAY = '1000000000'
/** The limits count as in service, but are never reached; `LIMITS=off` measures without them. */
const settings = {
  LIMITS: process.env.LIMITS ?? 'on',
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
const server = await startServer('../server.ts', { DATABASE_URL: databaseUrl, ...settings })
await post(server, '/api/users/', { username: 'user', password: PASSWORD })
await insertUsers(databaseUrl, names.known)
await insertUsers(databaseUrl, names.disabled, false)
const agent = new Agent({ keepAlive: true, maxSockets: 1 })
for (const name of names.known.slice(0, WARM_UP)) await refusalMs(server, name)

console.log(`Refused logins, ${logins} of each kind a run in random order, one after the other on one connection.\n`)
console.log('| | p of the rank test | medians | difference |')
console.log('|---|---:|---:|---:|')
const differ = [await compareKinds('known', 'unknown'), await compareKinds('known', 'disabled')].includes(true)
agent.destroy()
await server.stop()
process.exitCode = differ ? 1 : 0

/** Prints a line a run and one for their medians. @returns whether the kinds can be distinguished */
async function compareKinds(one: Kind, other: Kind): Promise<boolean> {
  const results: { p: number; percent: number }[] = []
  for (let run = 0; run < runs; run++) {
    const times: Record<string, number[]> = { [one]: [], [other]: [] }
    const asks = shuffled([one, other].flatMap((kind) => names[kind as Kind].map((name) => ({ kind, name }))))
    for (const { kind, name } of asks) times[kind]?.push(await refusalMs(server, name))
    const [a, b] = [times[one] ?? [], times[other] ?? []]
    const result = { p: rankTest(a, b), percent: (median(b) / median(a) - 1) * 100 }
    results.push(result)
    console.log(line(`${one}, ${other}`, result, `${median(a).toFixed(2)} ms, ${median(b).toFixed(2)} ms`))
  }
  const p = median(results.map((result) => result.p))
  const percent = median(results.map((result) => result.percent))
  console.log(line(`**${one}, ${other}: medians**`, { p, percent }, ''))
  return p <= LEAST_P || Math.abs(percent) > MOST_PERCENT
}

function line(what: string, { p, percent }: { p: number; percent: number }, medians: string): string {
  return `| ${what} | ${p.toPrecision(2)} | ${medians} | ${percent > 0 ? '+' : ''}${percent.toFixed(2)} % |`
}

/** From the start of the request to the end of the answer, in milliseconds. */
function refusalMs({ port }: Server, username: string): Promise<number> {
  const body = JSON.stringify({ username, password: 'wrong horse battery' })
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': body.length }
    const asking = request({ agent, host: '127.0.0.1', port, path: '/api/token/', method: 'POST', headers })
    const began = performance.now()
    asking.once('error', reject).once('response', (answer) => {
      if (answer.statusCode !== 401) reject(new Error(`a wrong password is answered ${answer.statusCode}`))
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
