import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TSchema } from '@sinclair/typebox'
import t from 'tap'
import { settings } from '../config.ts'
import { problems } from '../domain/errors.ts'
import { build } from './helper.ts'

const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8')

function row(name: string, schema: TSchema): string {
  const value = Array.isArray(schema.default) ? schema.default.join(',') : schema.default
  const unit = schema.unit ? ` ${schema.unit}` : ''
  return `| \`${name}\` | ${value === undefined || value === '' ? '' : `\`${value}\`${unit}`} | ${schema.description} |`
}

t.test('the table of settings is the one of the code', async (t) => {
  const rows = readme.split('\n').filter((line) => /^\| `[A-Z0-9_]+` \|/.test(line))
  t.same(
    rows,
    Object.values(settings).map((schema) => row(schema.env, schema)),
  )
})

t.test('the table of error codes is the one of the code', async (t) => {
  const rows = readme.split('\n').filter((line) => /^\| `[a-z_]+` \| \d/.test(line))
  t.same(
    rows,
    Object.entries(problems).map(([code, { statuses, when }]) => `| \`${code}\` | ${statuses.join(', ')} | ${when} |`),
  )
})

t.test('every operation is in the table of endpoints', async (t) => {
  const app = await build(t)
  for (const [path, operations] of Object.entries(app.apiDocument().paths)) {
    for (const method of Object.keys(operations)) t.match(readme, `| \`${method.toUpperCase()} ${path}\` |`)
  }
})
