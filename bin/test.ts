// `npm test`: every test, a process for the files of a folder. With a process a file, most of the time would go into loading the same
// modules and compiling the same schemas. `npm test -- FILE…` runs these files; what begins with a dash goes to tap.
import { spawnSync } from 'node:child_process'
import { globSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

const root = join(import.meta.dirname, '..')
/** Generated at each run: files that import the tests of a group. */
const groups = join('node_modules', '.cache', 'tests')
/** The folders of the tests that start processes, generate clients or take many steps. `npm run test:fast` leaves them out. */
const SLOW = ['client', 'commands', 'model', 'server']
/** One of them with more bytes takes several processes, which wait at the same time. */
const SLOW_BYTES = 50_000
/** The folders that take longest begin first, so that no core is idle while the last of them ends. */
const FIRST = ['server', 'limits', 'wire']

const args = process.argv.slice(2)
const isFast = args.includes('--fast')
const options = args.filter((arg) => arg.startsWith('-') && arg !== '--fast')
const files = args.filter((arg) => !arg.startsWith('-'))

const tap = join('node_modules', 'tap', 'dist', 'esm', 'run.mjs')
const reporter = options.some((option) => /^(-R|--reporter)/.test(option)) ? [] : ['--reporter=./bin/report.ts']
// One more than there are cores, because tests that start processes spend much of their time waiting.
const jobs = `--jobs=${availableParallelism() + 1}`
const run = [tap, jobs, ...reporter, ...options, ...(files.length > 0 ? files : makeGroups())]
// Room for young objects: a process of tests makes many apps, and collecting them would take a tenth of its time.
const env = { ...process.env, NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --max-semi-space-size=64` }
process.exitCode = spawnSync(process.execPath, run, { cwd: root, stdio: 'inherit', env }).status ?? 1

/** The files of a group, and the name of their folder. */
interface Group {
  readonly name: string
  readonly files: string[]
  bytes: number
}

/** Writes one file for each group, numbered: tap runs them by name. */
function makeGroups(): string[] {
  rmSync(join(root, groups), { recursive: true, force: true })
  mkdirSync(join(root, groups), { recursive: true })
  const rank = ({ name }: Group) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length)
  return divide(globSync('test/**/*.test.ts', { cwd: root }).sort())
    .filter(({ name }) => !isFast || !SLOW.includes(name))
    .sort((a, b) => rank(a) - rank(b) || b.bytes - a.bytes)
    .map(writeGroup)
}

function divide(files: readonly string[]): Group[] {
  const made: Group[] = []
  for (const file of files) {
    const name = dirname(file).split(/[\\/]/)[1] ?? ''
    const { size } = statSync(join(root, file))
    const group = made.findLast((each) => each.name === name)
    if (group === undefined || (SLOW.includes(name) && group.bytes + size > SLOW_BYTES)) {
      made.push({ name, files: [file], bytes: size })
    } else {
      group.files.push(file)
      group.bytes += size
    }
  }
  return made
}

function writeGroup({ name, files }: Group, index: number): string {
  const number = String(index + 1).padStart(2, '0')
  const file = join(groups, `${[number, 'test', name].filter(Boolean).join('-')}.mjs`)
  const lines = files.map((test) => `await import(${JSON.stringify(pathToFileURL(join(root, test)))})\n`)
  writeFileSync(join(root, file), lines.join(''))
  return file
}
