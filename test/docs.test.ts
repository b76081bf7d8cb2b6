// Not on PostgreSQL: it uses no database but to start.
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { tables, withTable } from '../bin/doc-tables.ts'
import { build } from './helper.ts'

const root = join(import.meta.dirname, '..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const pages = globSync('**/*.md', { cwd: root, exclude: (name) => name === 'node_modules' || name.startsWith('.') })
/** About two screens of text. */
const README_LIMIT_BYTES = 9000

for (const [page, table] of Object.entries(tables)) {
  t.test(`the table of ${page} is the one made from the code (npm run docs writes it)`, async (t) => {
    const text = read(page)
    t.equal(text, withTable(text, table))
  })
}

t.test('a page without a place for its table is refused', async (t) => {
  t.throws(() => withTable('# Settings\n', '| a |'), new Error('the page has no place for its table'))
})

t.test('the table of endpoints in the README has every operation, and no other', async (t) => {
  const app = await build(t)
  const operations = Object.entries(app.apiDocument().paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
  )
  const rows = [...read('README.md').matchAll(/^\| `([A-Z]+ \/[^`]*)` \|/gm)].map(([, operation]) => operation as string)
  t.same(rows.sort(), operations.sort())
})

for (const type of ['EventKind', 'EndReason']) {
  t.test(`docs/sessions.md has every ${type}`, async (t) => {
    const members = read('db/schema.ts').split(`export type ${type} =`)[1]?.split('\n\n')[0] ?? ''
    const names = [...members.matchAll(/'(\w+)'/g)].map(([, name]) => name as string)
    t.ok(names.length > 5)
    const firstCells = [...read('docs/sessions.md').matchAll(/^\| (`[^|]*) \|/gm)].map(([, cell]) => cell as string)
    const missing = names.filter((name) => !firstCells.some((cell) => cell.includes(`\`${name}\``)))
    t.same(missing, [])
  })
}

t.test('titles of wire tests name rows of test/wire/README.md, and every row of its part A has a test', async (t) => {
  const files = globSync('test/wire/*.test.ts', { cwd: root }).map(read)
  const titles = files.flatMap((text) => [...text.matchAll(/['"`]((?:[AB]\d+(?:\.\d+)?(?:, )?)+):/g)].map(([, ids]) => ids as string))
  const named = new Set(titles.flatMap((ids) => ids.split(', ')))
  const page = read('test/wire/README.md')
  const rows = [...page.matchAll(/^(?:\| ([AB]\d+(?:\.\d+)?) \||### (B\d)\.)/gm)].map(([, row, section]) => (row ?? section) as string)
  t.same(
    [...named].filter((id) => !rows.includes(id)),
    [],
    'no title names a row that is not there',
  )
  t.same(
    rows.filter((id) => id.startsWith('A') && !named.has(id)),
    [],
    'no row is without a test',
  )
})

t.test(`the README has at most ${README_LIMIT_BYTES} bytes`, async (t) => {
  const bytes = Buffer.byteLength(read('README.md'))
  t.ok(bytes <= README_LIMIT_BYTES, `${bytes}`)
})

t.test('every page of docs/ is linked from the README', async (t) => {
  const linked = links(read('README.md'))
  const unlinked = pages.filter((page) => page.startsWith('docs/') && !linked.includes(page))
  t.same(unlinked, [])
})

t.test('the programs of docs/protecting-an-api.md are those that test/slow/peers.slow.ts and auth-request.slow.ts run', async (t) => {
  const shown = [...read('docs/protecting-an-api.md').matchAll(/^\[`(test\/slow\/peers\/[^`]+)`\]\(\S+\):\n\n```\w+\n([\s\S]*?)^```$/gm)]
  const programs = globSync('test/slow/peers/**/*.{mjs,py,go,rs,java,yml,conf}', { cwd: root })
  const files = shown.map(([, file]) => file as string)
  t.same(
    programs.filter((program) => !files.includes(program)),
    [],
    'every program is shown',
  )
  for (const [, file = '', text] of shown) t.equal(text, read(file), file)
})

t.test('the example of docs/clients.md is the client that test/client/ runs', async (t) => {
  const shown = [...read('docs/clients.md').matchAll(/^\[`(test\/client\/[^`]+)`\]\(\S+\):\n\n```ts\n([\s\S]*?)^```$/gm)]
  t.same(
    shown.map(([, file, text]) => [file, text]),
    ['test/client/page-store.ts', 'test/client/careful.ts'].map((file) => [file, read(file)]),
  )
})

t.test('docs/clients.md says how to run each generator of its table, in the version of its row', async (t) => {
  const [table = '', ...sections] = read('docs/clients.md').split(/^(?=### )/m)
  const rows = [...table.matchAll(/^\| ([A-Z]\w+) \| (\S+) \| ([\d.]+) \|/gm)]
  t.ok(rows.length > 0)
  const missing = rows.filter(([, language, name, version = '']) => {
    const section = sections.find((text) => text.startsWith(`### ${language}: ${name}\n`))
    return !section?.includes(version)
  })
  t.same(
    missing.map(([row]) => row),
    [],
  )
})

t.test('every page of docs/ begins with a title and a sentence', async (t) => {
  for (const page of pages.filter((page) => page.startsWith('docs/'))) t.match(read(page), /^# .+\n\n[A-Z][^\n]+/, page)
})

for (const page of pages) {
  t.test(`every link of ${page} has a target that exists`, async (t) => {
    const dead = links(read(page)).filter((link) => !/^[a-z]+:/.test(link) && !leadsSomewhere(page, link))
    t.same(dead, [])
  })
}

for (const page of pages.filter((page) => page !== 'CHANGELOG.md')) {
  t.test(`every file that ${page} names exists`, async (t) => {
    const named = [
      ...read(page).matchAll(/`((?:\.ci|bench|bin|commands|db|docs|domain|harness|http|plugins|routes|schemas|test)\/[a-z\d./_-]*)`/g),
    ]
    const missing = named.map(([, file]) => file as string).filter((file) => !existsSync(join(root, file)))
    t.same(missing, [])
  })
}

function leadsSomewhere(page: string, link: string): boolean {
  const [path = '', anchor] = link.split('#')
  const target = path === '' ? page : join(dirname(page), path)
  return existsSync(join(root, target)) && (anchor === undefined || anchors(read(target)).includes(anchor))
}

/** The targets of Markdown's inline links and images, those inside of code left out. */
function links(text: string): string[] {
  return [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target as string)
}

/** The anchors that GitHub gives to the headings of a page. */
function anchors(text: string): string[] {
  const slugs = [...text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#{1,6} (.+)$/gm)].map(([, heading]) =>
    (heading as string)
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
  return slugs.map((slug, i) => {
    const before = slugs.slice(0, i).filter((one) => one === slug).length
    return before === 0 ? slug : `${slug}-${before}`
  })
}

function withoutCode(text: string): string {
  return text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '')
}
