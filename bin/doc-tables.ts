import type { TSchema } from '@sinclair/typebox'
import { settings, wants } from '../config.ts'
import { codeTable } from '../http/api-document.ts'

const BEGIN = '<!-- This table is written by `npm run docs`. -->\n\n'
const END = '\n\n<!-- End of the table. -->'

/** The pages with a table that is made from the code, and the tables. */
export const tables: Readonly<Record<string, string>> = { 'docs/settings.md': settingsTable(), 'docs/errors.md': codeTable }

/**
 * Replaces the table of a page.
 *
 * @throws {Error} when the two comments that the table stands between are not there
 */
export function withTable(page: string, table: string): string {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin < 0 || end < begin) throw new Error('the page has no place for its table')
  return page.slice(0, begin + BEGIN.length) + table + page.slice(end)
}

function settingsTable(): string {
  const rows = Object.values(settings).map(settingsRow)
  return ['| setting | default | values | what it is |', '|---|---|---|---|', ...rows].join('\n')
}

function settingsRow(schema: TSchema): string {
  const { env: name } = schema
  const value = Array.isArray(schema.default) ? schema.default.join(',') : schema.default
  const unit = schema.unit ? ` ${schema.unit}` : ''
  const shown = value === undefined || value === '' ? '' : `\`${value}\`${unit}`
  const file = schema.secret ? `; also from the file \`${name}_FILE\`` : ''
  return `| \`${name}\` | ${shown} | ${wants(schema)}${file} | ${schema.description} |`
}
