// Not on PostgreSQL: it is about the command; the queries run there in domain/events.
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { renameSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { insertEvent } from '../../db/auth-events.ts'
import { openDatabase } from '../../db/open.ts'
import { fileOf } from '../databases.ts'
import { START } from '../helper.ts'
import { bare, environment, ROOT } from '../server/process.ts'
import { alice, happened, nothing } from './happened.ts'

/** The command in a process of its own, which goes on, and the next line that it prints. */
function follow(t: Test, database: string, ...options: string[]) {
  const [command, ...args] = bare(process.execPath, 'cli.ts', 'events', '--follow', ...options) as [string, ...string[]]
  const child: ChildProcessByStdio<null, Readable, Readable> = spawn(command, args, {
    cwd: ROOT,
    env: environment({ DATABASE_URL: database }),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  const printed = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return { child, next: async () => (await printed.next()).value }
}

for (const [options, lines] of [
  [['--json'], [/^{"id":1,.*"kind":"login"/, /^{"id":2,.*"kind":"login_failed"/]],
  [
    [],
    [
      /^time +what +why .*request +client$/,
      /^2026-01-01T00:00:00.000Z +login +- +alice /,
      /^2026-01-01T00:00:09.000Z +login_failed +- +bob /,
    ],
  ],
] as const) {
  t.test(
    `${['--follow', ...options].join(' ')} prints a line for each event as it comes, and ends with 0 when it is interrupted`,
    async (t) => {
      const database = await happened(t, alice)
      const { child, next } = follow(t, database, ...options)
      for (const line of lines.slice(0, -1)) t.match(await next(), line)
      const db = await openDatabase(database)
      await db.write((handle) => insertEvent(handle, { ...nothing, kind: 'login_failed', username: 'bob', at: START + 9000 }))
      await db.close()
      t.match(await next(), lines.at(-1))
      child.kill('SIGINT')
      t.strictSame(await once(child, 'exit'), [0, null])
    },
  )
}

t.test('--follow ends with 1 and says so when the file of the database is replaced', async (t) => {
  const [database, other] = [await happened(t, alice), await happened(t, alice, alice)]
  const { child, next } = follow(t, database, '--json')
  const [said, ended] = [text(child.stderr), once(child, 'exit')]
  await next()
  renameSync(fileOf(other), fileOf(database))
  t.strictSame(await ended, [1, null])
  t.match(
    await said,
    /^latchkey: \/.* was replaced by another file while the database was open: run this again to follow the one that is in its place\n$/,
  )
})
