// The files that `npm test` gives to tap: each imports tests, and says on which database they run. Many tests share a process, because with
// a process a file most of the time would go into loading the same modules and compiling the same schemas.
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

export type Database = 'sqlite' | 'memory' | 'postgres'

const root = join(import.meta.dirname, '..')
/** Generated at each run. */
const generated = join('node_modules', '.cache', 'tests')
const countsFile = join(root, generated, 'counts')
/** The folders of the tests that start processes, generate clients or take many steps. `npm run test:fast` leaves them out. */
const SLOW = ['client', 'commands', 'model', 'server']
/** A folder with more bytes takes several processes, so that none is left over at the end. Those of slow tests wait at the same time. */
const BYTES = 100_000
const SLOW_BYTES = 50_000
/** Folders with fewer bytes share a process. */
const SMALL_BYTES = 40_000
/** The folders that take longest begin first, so that no core is idle while the last of them ends. */
const FIRST = ['server', 'limits', 'wire']

/** The files of a group, and the name of their folder, or of `several`. */
interface Group {
  readonly database: Database
  name: string
  readonly files: string[]
  bytes: number
}

/** Writes a file for each group of tests, numbered: tap runs them by name. */
export function writeGroups(databases: readonly Database[], isFast: boolean): string[] {
  clear()
  const rank = ({ name }: Group) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length)
  const files = globSync('test/**/*.test.ts', { cwd: root }).sort()
  return databases
    .flatMap((database) => divide(files, database))
    .filter(({ name }) => !isFast || !SLOW.includes(name))
    .reduce(joinSmall, [])
    .sort((a, b) => rank(a) - rank(b) || b.bytes - a.bytes)
    .map(({ database, name, files }, index) => {
      const number = String(index + 1).padStart(2, '0')
      return write([number, 'test', name, database].filter(Boolean).join('-'), database, files)
    })
}

/** Writes a file for each of these files and each database that it runs on. */
export function writeSingles(files: readonly string[], databases: readonly Database[]): string[] {
  clear()
  return databases.flatMap((database) =>
    files.filter((file) => runsOn(database, file)).map((file) => write(join(database, file), database, [file])),
  )
}

function divide(files: readonly string[], database: Database): Group[] {
  const made: Group[] = []
  for (const file of files.filter((file) => runsOn(database, file))) {
    const name = dirname(file).split(/[\\/]/)[1] ?? ''
    const { size } = statSync(join(root, file))
    const group = made.findLast((each) => each.name === name)
    if (group === undefined || group.bytes + size > (SLOW.includes(name) ? SLOW_BYTES : BYTES)) {
      made.push({ database, name, files: [file], bytes: size })
    } else {
      group.files.push(file)
      group.bytes += size
    }
  }
  return made
}

/** Joins a group of little work to another one, of the same database. */
function joinSmall(groups: Group[], group: Group): Group[] {
  const isSmall = ({ name, bytes }: Group) => !SLOW.includes(name) && bytes < SMALL_BYTES
  const other = isSmall(group) ? groups.find((each) => each.database === group.database && isSmall(each)) : undefined
  if (other === undefined) return [...groups, group]
  other.name = 'several'
  other.files.push(...group.files)
  other.bytes += group.bytes
  return groups
}

/** A file that runs only on some databases says so and why, in a line of its own. */
const NOT_ON_POSTGRES = /^\/\/ Not on PostgreSQL: ./m
const ONLY_ON_POSTGRES = /^\/\/ Only on PostgreSQL: ./m

function runsOn(database: Database, file: string): boolean {
  const marks = database === 'postgres' ? NOT_ON_POSTGRES : ONLY_ON_POSTGRES
  return !marks.test(readFileSync(join(root, file), 'utf8'))
}

function clear(): void {
  rmSync(join(root, generated), { recursive: true, force: true })
}

function write(name: string, database: Database, files: readonly string[]): string {
  const file = join(generated, `${name}.mjs`)
  const load = (path: string) => `import(${JSON.stringify(pathToFileURL(join(root, path)))})\n`
  const lines = [`const { begin, end } = await ${load('bin/test-group.ts')}`, `begin('${database}', ${JSON.stringify(countsFile)})\n`]
  mkdirSync(join(root, dirname(file)), { recursive: true })
  writeFileSync(join(root, file), [...lines, ...files.map((test) => `await ${load(test)}`), 'end()\n'].join(''))
  return file
}

/** How many assertions there were on each database: what the files have written down, a line each. */
export function countsOf(databases: readonly Database[]): { database: Database; total: number }[] {
  const lines = existsSync(countsFile) ? readFileSync(countsFile, 'utf8').trimEnd().split('\n') : []
  const counts = lines.map((line) => line.split(' ') as [Database, string])
  return databases.map((database) => ({
    database,
    total: counts.filter(([name]) => name === database).reduce((sum, [, count]) => sum + Number(count), 0),
  }))
}
