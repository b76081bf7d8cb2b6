// Not on PostgreSQL: it is about where a password comes from.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { databaseUrl } from '../databases.ts'
import { PASSWORD } from '../helper.ts'
import { serve } from '../server/in-process.ts'
import { bare, folder, postTo, run } from '../server/process.ts'
import { latchkey } from './latchkey.ts'

/** What a file has, and why that is refused. */
const REFUSED: readonly [content: string | Buffer, line: string][] = [
  ['', 'is empty; it must be the password'],
  ['two\nlines\n', '--password-file has more than one line; it must be the password and nothing else'],
  [' padded', 'has white space around it; take it out; it must be the password'],
  [Buffer.from([0x61, 0xff]), 'has bytes that are not UTF-8'],
  ['x'.repeat(65_537), 'has more than 65536 bytes, and is no secret'],
]

t.test('a file that is no password is refused in a line that does not repeat it, and makes no user', async (t) => {
  const [url, dir] = [await databaseUrl(t), folder(t)]
  const file = join(dir, 'password')
  for (const [content, line] of REFUSED) {
    writeFileSync(file, content)
    const { code, stdout, stderr } = await latchkey(url, 'users', 'create', 'alice', '--password-file', file)
    t.strictSame({ code, stdout }, { code: 1, stdout: '' })
    t.match(stderr, line)
    t.match(stderr, /^latchkey: --password-file [^\n]+\n$/)
    t.notMatch(stderr, /two|padded|xxx/)
  }
  const missing = await latchkey(url, 'users', 'create', 'alice', '--password-file', join(dir, 'missing'))
  t.match(missing, {
    code: 1,
    stdout: '',
    stderr: /^latchkey: --password-file .*\/missing", which cannot be read: .+; it must be the password\n$/,
  })
  const nothing = await latchkey(url, 'users', 'create', 'alice')
  t.match(nothing, { code: 1, stdout: '', stderr: 'latchkey: standard input is empty; it must be the password\n' })
  t.match(await latchkey(url, 'users', 'list'), { code: 0, stdout: 'none\n' })
})

t.test('a password is read from standard input, less one line break', async (t) => {
  const url = await databaseUrl(t)
  const create = `printf '%s\\r\\n' "$TYPED" | "${process.execPath}" cli.ts users create alice --json`
  const { code, stdout, stderr } = await run(t, { DATABASE_URL: url, TYPED: PASSWORD }, bare('bash', '-c', create))
  t.match({ code, stdout, stderr }, { code: 0, stdout: /^{"id":1,"username":"alice",/, stderr: '' })
  const service = await serve(t, { DATABASE_URL: url })
  t.equal((await postTo(`${service.url}/api/token/`, { username: 'alice', password: PASSWORD })).status, 200)
})
