import { join } from 'node:path'
import type { Test } from 'tap'
import { openDatabase } from '../../db/open.ts'
import { folder, type Ran } from '../server/process.ts'
import { runShared } from '../server/shared-process.ts'

/** Makes an empty database of the service. Resolves to its file. */
export async function databaseFile(t: Pick<Test, 'teardown'>): Promise<string> {
  const file = join(folder(t), 'latchkey.db')
  await (await openDatabase(`file:${file}`)).close()
  return file
}

/** Runs the operator's command on the database of a URL. */
export function latchkey(databaseUrl: string, ...args: string[]): Promise<Ran> {
  return runShared({ DATABASE_URL: databaseUrl }, 'cli.ts', ...args)
}

/** The JSON that a command printed. Asserts that it is one document on one line, and that nothing else was printed. */
export async function asJson(t: Test, running: Promise<Ran>): Promise<unknown> {
  const { code, stdout, stderr } = await running
  t.strictSame({ code, stderr }, { code: 0, stderr: '' })
  t.match(stdout, /^[^\n]+\n$/)
  return JSON.parse(stdout)
}
