// Writes the tables that are made from the code into the pages of docs/: `npm run docs`. A test fails when one is stale.
import { readFile, writeFile } from 'node:fs/promises'
import { tables, withTable } from './doc-tables.ts'

for (const [page, table] of Object.entries(tables)) {
  const file = new URL(`../${page}`, import.meta.url)
  await writeFile(file, withTable(await readFile(file, 'utf8'), table))
}
