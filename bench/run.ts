// `npm run bench` prints all rows, `npm run bench -- refresh memory` only those whose names begin with one of the words.
import { availableParallelism } from 'node:os'
import { fairnessRows } from './fairness-rows.ts'
import { floodRows } from './flood-rows.ts'
import { importRows } from './import-rows.ts'
import { openBench } from './open.ts'
import { passwordRows } from './password-rows.ts'
import { processRows } from './process-rows.ts'
import type { Line } from './row.ts'
import { tokenRows } from './token-rows.ts'
import { userRows } from './user-rows.ts'

const allRows = { ...tokenRows, ...passwordRows, ...processRows, ...floodRows, ...fairnessRows, ...userRows, ...importRows }
const asked = process.argv.slice(2)
const chosen = Object.entries(allRows).filter(([name]) => asked.length === 0 || asked.some((start) => name.startsWith(start)))
if (chosen.length === 0) throw new Error(`no such row: there are ${Object.keys(allRows).join(', ')}`)

const bench = await openBench()
const lines: Line[] = []
for (const [name, measure] of chosen) {
  console.error(`${name} …`)
  lines.push(...(await measure(bench)))
}
await bench.close()

console.log(`\nNode ${process.versions.node}, ${availableParallelism()} cores\n`)
console.log('| | Latchkey | floor | ratio | CPU a request | wanted |')
console.log('|---|---:|---:|---:|---:|---|')
for (const { what, latchkey, floor, ratio, cpu, wanted } of lines) {
  console.log(`| ${[what, latchkey, floor ?? '', ratio?.toFixed(2) ?? '', cpu ?? '', wanted].join(' | ')} |`)
}
