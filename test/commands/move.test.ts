// Not on PostgreSQL: it moves between both databases, and so runs once, beside what runs on SQLite.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { movedTables } from '../../db/moving/rows.ts'
import { newPlace, openAt, type Place, server, skipped } from '../db/moving/places.ts'
import { contentOf, fillWithSample } from '../db/moving/sample.ts'
import { PASSWORD } from '../helper.ts'
import { serve } from '../server/in-process.ts'
import { folder, postTo } from '../server/process.ts'
import { runShared } from '../server/shared-process.ts'

/** Runs the command on the database of a place. */
const move = ({ url, schema }: Place, ...args: string[]) =>
  runShared({ DATABASE_URL: url, DATABASE_SCHEMA: schema }, 'cli.ts', 'move', ...args)

async function filled(t: Test, kind: 'sqlite' | 'postgres'): Promise<Place> {
  const place = newPlace(t, kind)
  await fillWithSample(await openAt(t, place))
  return place
}

const ROWS = [6, 2, 2, 2, 6, 2, 1, 8, 2, 1, 2, 2, 4]
const DONE =
  'latchkey: everything is moved. Start the services on the new database, and none on the old one: what that is told is not in the new one\n'
const PROGRESS = movedTables.map((table, index) => `latchkey: ${table}: ${ROWS[index]} of ${ROWS[index]} rows\n`).join('')

t.test('move --to prints how many rows each table had, and says on standard error how far it is', async (t) => {
  const from = await filled(t, 'sqlite')
  const to = newPlace(t, 'sqlite')
  t.strictSame(await move(from, '--to', to.url, '--json'), {
    code: 0,
    signal: null,
    stdout: `${JSON.stringify(movedTables.map((table, index) => ({ table, rows: ROWS[index] })))}\n`,
    stderr: PROGRESS + DONE,
  })
  t.same(await contentOf(await openAt(t, to)), await contentOf(await openAt(t, from)))
  t.match(await move(from, '--to', to.url), {
    code: 1,
    stdout: '',
    stderr: 'latchkey: the new database has rows already, in users: after a move it has all, else name an empty one\n',
  })
})

t.test('move --to-file and --to-schema name a database on PostgreSQL, and the way back is the same', skipped, async (t) => {
  const from = await filled(t, 'sqlite')
  const to = newPlace(t, 'postgres')
  const file = join(folder(t), 'url')
  writeFileSync(file, `${server}\n`)
  t.match(await move(from, '--to-file', file, '--to-schema', to.schema), {
    code: 0,
    stdout: /^table +rows\nusers +6\n(.*\n){12}$/,
    stderr: PROGRESS + DONE,
  })
  const back = newPlace(t, 'sqlite')
  t.match(await move(to, '--to', back.url), { code: 0, stderr: PROGRESS + DONE })
  t.same(await contentOf(await openAt(t, back)), await contentOf(await openAt(t, from)))
})

const nowhere = 'postgres://latchkey:hunter2@127.0.0.1:1/latchkey'

/** What the command is given beside a database with rows, and its line on standard error. */
const REFUSED: readonly (readonly [args: readonly string[], line: string])[] = [
  [['--to', ':memory:'], '--to is :memory:, which ends with this command'],
  [
    ['--to', 'mysql://root:hunter2@localhost/'],
    '--to must be file:PATH, :memory: or postgres://USER:PASSWORD@HOST:PORT/DATABASE, got a value of 31 bytes',
  ],
  [['--to', `${nowhere}?sslmode=allow`], '--to is wrong: its sslmode must be disable, require or verify-full'],
  [['--to', nowhere], '--to: cannot use the database: connect ECONNREFUSED 127.0.0.1:1'],
  [['--to', nowhere, '--to-schema', 'a-b'], '--to-schema must be the name of a schema: letters, digits and underscores, got "a-b"'],
  [['--to-file', '/'], '--to-file is "/", which is a directory, and must be a regular file'],
]

for (const [args, line] of REFUSED) {
  t.test(`move ${args.join(' ').replace('hunter2', '…')} is refused in one line, without the password`, async (t) => {
    const from = await filled(t, 'sqlite')
    const { code, stdout, stderr } = await move(from, ...args)
    t.strictSame({ code, stdout, stderr }, { code: 1, stdout: '', stderr: `latchkey: ${line}\n` })
  })
}

t.test('the database of the settings is no target', async (t) => {
  const { url, schema } = await filled(t, 'sqlite')
  const { code, stdout, stderr } = await move({ url, schema }, '--to', url)
  t.strictSame({ code, stdout }, { code: 1, stdout: '' })
  t.match(stderr, /^latchkey: --to is \/.*\/latchkey\.db, which is the database of DATABASE_URL\n$/)
})

t.test('a session goes on where its user was moved', skipped, async (t) => {
  const from = newPlace(t, 'sqlite')
  const credentials = { username: 'alice', password: PASSWORD }
  const settings = { PUBLIC_URL: 'https://auth.example.com' }
  const old = await serve(t, { DATABASE_URL: from.url, ...settings })
  t.equal((await postTo(`${old.url}/api/users/`, credentials)).status, 201)
  const { body } = await postTo(`${old.url}/api/token/`, credentials)
  await old.close()

  const to = newPlace(t, 'postgres')
  t.match(await move(from, '--to', to.url, '--to-schema', to.schema), { code: 0 })
  const service = await serve(t, { DATABASE_URL: to.url, DATABASE_SCHEMA: to.schema, ...settings })
  const { access, refresh } = body as { access: string; refresh: string }
  t.strictSame(await postTo(`${service.url}/api/token/verify/`, { token: access }), { status: 200, body: {} })
  t.equal((await postTo(`${service.url}/api/token/refresh/`, { refresh })).status, 200)
  t.equal((await postTo(`${service.url}/api/token/`, credentials)).status, 200)
})
