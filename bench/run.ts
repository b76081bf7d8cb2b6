// `npm run bench` prints all rows, `npm run bench -- refresh memory` those whose names begin so.
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Server, startLoader, startServer } from './child.ts'
import { type Bench, type Line, PASSWORD, post, rows } from './rows.ts'

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))

const asked = process.argv.slice(2)
const chosen = Object.entries(rows).filter(([name]) => asked.length === 0 || asked.some((start) => name.startsWith(start)))
if (chosen.length === 0) throw new Error(`no such row: there are ${Object.keys(rows).join(', ')}`)

const bench = await openBench()
const lines: Line[] = []
for (const [name, measure] of chosen) {
  console.error(`${name} …`)
  lines.push(...(await measure(bench)))
}
await bench.loader.stop()

console.log(`\nNode ${process.versions.node}, ${availableParallelism()} cores\n`)
console.log('| | Latchkey | floor | ratio | CPU a request | wanted |')
console.log('|---|---:|---:|---:|---:|---|')
for (const { what, latchkey, floor, ratio, cpu, wanted } of lines) {
  console.log(`| ${[what, latchkey, floor ?? '', ratio?.toFixed(2) ?? '', cpu ?? '', wanted].join(' | ')} |`)
}

/** A database with one user, in a folder that goes away with this process, and the ways to start servers on it. */
async function openBench(): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'latchkey.db')
  const bench = {
    file,
    loader: startLoader(),
    // The limits count as they always do, but nobody is to come past them.
    startLatchkey: () =>
      startServer('../server.ts', { DATABASE_URL: `file:${file}`, LOG_LEVEL: 'warn', REGISTRATIONS_PER_ADDRESS: '1000000000' }),
    startFloors: () => startServer('floors.ts', { BENCH_DATABASE: file, UV_THREADPOOL_SIZE: String(availableParallelism()) }),
  }
  const server: Server = await bench.startLatchkey()
  await post(server, '/api/users/', { username: 'user', password: PASSWORD })
  await server.stop()
  return bench
}
