// Not on PostgreSQL: it uses no database.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const root = join(import.meta.dirname, '..')
const text = readFileSync(join(root, 'SECURITY.md'), 'utf8')

t.test('every test that SECURITY.md names exists', async (t) => {
  const named = [...text.matchAll(/`((?:test|bench)\/[\w./-]+)`/g)].map(([, path]) => path as string)
  t.ok(named.length > 30)
  for (const path of new Set(named)) t.ok(existsSync(join(root, path)), path)
})

t.test('every requirement of chapters 6, 7 and 9 of ASVS 5.0 has a row', async (t) => {
  const chapters = { '6.1': 3, '6.2': 12, '6.3': 8, '6.4': 6, '6.5': 8, '6.6': 4, '6.7': 2, '6.8': 4 }
  const more = { '7.1': 3, '7.2': 4, '7.3': 2, '7.4': 5, '7.5': 3, '7.6': 2, '9.1': 3, '9.2': 4 }
  const rows = [...text.matchAll(/^\| ([\d., to]+) \| [123] \| (met|not met|n\/a) \|/gm)].map(([, ids]) => ids as string)
  for (const [section, count] of Object.entries({ ...chapters, ...more })) {
    const wanted = Array.from({ length: count }, (_, i) => `${section}.${i + 1}`)
    t.same(
      rows.flatMap(expanded).filter((id) => id.startsWith(`${section}.`)),
      wanted,
    )
  }
})

/** Lists the requirements of a cell such as `6.5.1 to 6.5.3` or `6.7.1, 6.7.2`. */
function expanded(ids: string): string[] {
  const [first = '', last] = ids.split(' to ')
  if (last === undefined) return ids.split(', ')
  const section = first.slice(0, first.lastIndexOf('.'))
  const [from, to] = [first, last].map((id) => Number(id.split('.')[2])) as [number, number]
  return Array.from({ length: to - from + 1 }, (_, i) => `${section}.${from + i}`)
}
