// Not on PostgreSQL: it uses no database.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ConfigError, loadConfig } from '../config.ts'
import { bare, folder, run } from './server/process.ts'

const SECRET = 'a secret of at least thirty-two bytes'
const SAVE = 'save it as UTF-8 without a byte order mark'
const NOT_UTF_8 = 'has bytes that are not UTF-8; make it text, as `openssl rand -base64 32` does'
const WHITE_SPACE = 'has white space around it; take it out'
const INVISIBLE = 'has an invisible character at its beginning or its end; take it out'
const QUOTES = 'has quotes around it; take them out'

/** All settings that can come from a file. */
const SECRETS = ['DATABASE_URL', 'JWT_SECRET', 'SECRETS_KEY', 'SECRETS_KEY_PREVIOUS']

/** Texts that are refused wherever they stand, each with why. */
const refused: [text: string, fault: string][] = [
  ...[' ', '\t', '\n', '\r', '\u00a0', '\u3000', '\u2028'].flatMap((space): [string, string][] => [
    [`${space}${SECRET}`, WHITE_SPACE],
    [`${SECRET}${space}${space}`, WHITE_SPACE],
  ]),
  [`${SECRET} \n`, WHITE_SPACE],
  [`${SECRET}\r\n\n`, WHITE_SPACE],
  [`\u200b${SECRET}`, INVISIBLE],
  [`${SECRET}\u2060`, INVISIBLE],
  [`${SECRET}\x1b`, INVISIBLE],
  ...['""', "''", '``', '“”', '‘’', '„“', '«»', '‚‘', '「」'].map(([open, close]): [string, string] => [
    `${open}${SECRET}${close}`,
    QUOTES,
  ]),
  [`\ufeff${SECRET}`, `begins with a byte order mark; ${SAVE}`],
  [`${SECRET}\ufffd`, NOT_UTF_8],
]

/** Bytes that are refused in a file, each with why. */
const refusedBytes: [bytes: Buffer, fault: string][] = [
  ...refused.map(([text, fault]): [Buffer, string] => [Buffer.from(text), fault]),
  [Buffer.from(`"${SECRET}"\n`), QUOTES],
  // Decoded with loss, these two would be one key, and the eleven bytes of the third 33 bytes of UTF-8.
  [Buffer.alloc(40, 0xfe), NOT_UTF_8],
  [Buffer.alloc(40, 0xff), NOT_UTF_8],
  [Buffer.alloc(11, 0xfd), NOT_UTF_8],
  // Overlong, a surrogate, past U+10FFFF, and a character that is cut off.
  ...['c080', 'eda080', 'f4908080', 'e282'].map((hex): [Buffer, string] => [Buffer.from(SECRET + hexText(hex), 'latin1'), NOT_UTF_8]),
  [Buffer.from(SECRET, 'utf16le'), `has NUL bytes, as UTF-16 and raw bytes do; ${SAVE}`],
  [Buffer.from(SECRET, 'utf16le').swap16(), `has NUL bytes, as UTF-16 and raw bytes do; ${SAVE}`],
  [Buffer.from(`\ufeff${SECRET}`, 'utf16le'), `is UTF-16; ${SAVE}`],
  [Buffer.from(`\ufeff${SECRET}`, 'utf16le').swap16(), `is UTF-16; ${SAVE}`],
  [Buffer.alloc(32), `has NUL bytes, as UTF-16 and raw bytes do; ${SAVE}`],
  [Buffer.from(''), 'is empty'],
  [Buffer.from('\n'), 'is empty'],
  [Buffer.alloc(65_537, 'x'), 'has more than 65536 bytes, and is no secret'],
]

function hexText(hex: string): string {
  return Buffer.from(hex, 'hex').toString('latin1')
}

/** What is wrong with an environment in which `SECRETS_KEY` is set wherever it has to be. */
function faultsOf(env: Record<string, string>): readonly string[] {
  const isKeyNeeded = Object.keys(env).some((name) => name.startsWith('SECRETS_KEY_PREVIOUS'))
  try {
    loadConfig({ ...(isKeyNeeded && { SECRETS_KEY: Buffer.alloc(32).toString('base64') }), ...env })
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
  return []
}

/** Writes the file of a secret. Returns its path. */
function fileWith(t: Test, content: string | Buffer): string {
  const file = join(folder(t), 'secret')
  writeFileSync(file, content)
  return file
}

t.test('a secret with something around it is refused by name, and not repeated', async (t) => {
  for (const name of SECRETS) {
    for (const [text, fault] of refused) t.same(faultsOf({ [name]: text }), [`${name} ${fault}`])
  }
})

t.test('a file of a secret that is not plain text in UTF-8 is refused by name, and not repeated', async (t) => {
  const file = join(folder(t), 'secret')
  for (const [bytes, fault] of refusedBytes) {
    writeFileSync(file, bytes)
    for (const name of SECRETS) {
      const faults = [`${name}_FILE is "${file}", which ${fault}`]
      t.same(faultsOf({ [`${name}_FILE`]: file }), faults, bytes.toString('hex', 0, 60))
    }
  }
})

t.test('a secret may have white space, quotes and invisible characters within it', async (t) => {
  for (const secret of [
    `"${SECRET}`,
    `${SECRET}"`,
    `a "${SECRET}" b`,
    `two\nlines\r\n${SECRET}`,
    `a\u200b${SECRET}\u00e9`,
    `${SECRET} ❤️`,
  ]) {
    t.equal(loadConfig({ JWT_SECRET: secret }).jwtSecret, secret)
    t.equal(loadConfig({ JWT_SECRET_FILE: fileWith(t, secret) }).jwtSecret, secret)
  }
})

t.test('a secret can be read from a file, less one line break at its end', async (t) => {
  for (const end of ['', '\n', '\r\n']) {
    t.equal(loadConfig({ JWT_SECRET_FILE: fileWith(t, `${SECRET}${end}`) }).jwtSecret, SECRET)
  }
})

t.test('the length of a secret is that of its bytes in UTF-8', async (t) => {
  t.equal(loadConfig({ JWT_SECRET: 'é'.repeat(16) }).jwtSecret, 'é'.repeat(16))
  const tooShort = ['JWT_SECRET must be at least 32 bytes, got a value of 31 bytes']
  t.same(faultsOf({ JWT_SECRET: `${'é'.repeat(15)}x` }), tooShort)
  t.same(faultsOf({ JWT_SECRET_FILE: fileWith(t, `${'x'.repeat(31)}\n`) }), tooShort)
})

t.test('what is no regular file is refused by its kind, at once', async (t) => {
  const dir = folder(t)
  execFileSync('mkfifo', [join(dir, 'fifo')])
  mkdirSync(join(dir, 'directory'))
  const server = createServer().listen(join(dir, 'socket'))
  t.teardown(() => server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  for (const [path, kind] of [
    [join(dir, 'directory'), 'a directory'],
    [join(dir, 'fifo'), 'a pipe'],
    [join(dir, 'socket'), 'a socket'],
    ['/dev/zero', 'a device'],
  ] as const) {
    const faults = [`JWT_SECRET_FILE is "${path}", which is ${kind}, and must be a regular file`]
    t.same(faultsOf({ JWT_SECRET_FILE: path }), faults)
  }
})

const hasProc = existsSync('/proc/self/cmdline') ? {} : { skip: 'needs /proc' }
t.test('a file whose size the system does not know, as in /proc, is read', hasProc, async (t) => {
  const fault = 'which has NUL bytes, as UTF-16 and raw bytes do; save it as UTF-8 without a byte order mark'
  t.same(faultsOf({ JWT_SECRET_FILE: '/proc/self/cmdline' }), [`JWT_SECRET_FILE is "/proc/self/cmdline", ${fault}`])
})

t.test('a file that cannot be read is told with its path and the reason', async (t) => {
  const dir = folder(t)
  writeFileSync(join(dir, 'file'), '')
  const missing = (path: string, reason: string) =>
    t.same(faultsOf({ JWT_SECRET_FILE: path }), [`JWT_SECRET_FILE is "${path}", which cannot be read: ${reason}`])
  missing(join(dir, 'missing'), 'no such file or directory')
  missing(join(dir, 'file/below'), 'not a directory')
  missing(join(dir, 'x'.repeat(300)), 'name too long')
})

t.test('a secret that was put into the variable of its file is not printed', async (t) => {
  for (const secret of [SECRET, 'a/secret/of/at/least/thirty-two/bytes', '/x6b9mPq2', 'x'.repeat(5000)]) {
    const fault = new RegExp(
      `^JWT_SECRET_FILE is a path of ${secret.length} bytes, which cannot be read: (no such file or directory|name too long)$`,
    )
    t.match(faultsOf({ JWT_SECRET_FILE: secret }), [fault])
  }
})

t.test('a variable with bytes that are not UTF-8 is refused by the server and by the command', async (t) => {
  for (const program of ['server.ts', 'cli.ts keys list']) {
    const script = `JWT_SECRET=$(printf '\\376\\376\\376\\376\\376\\376\\376\\376\\376\\376\\376') exec "$0" ${program}`
    const { code, stderr } = await run(t, { DATABASE_URL: ':memory:' }, bare('sh', '-c', script, process.execPath))
    t.same({ code, stderr }, { code: 1, stderr: `latchkey${program === 'server.ts' ? ' cannot start' : ''}: JWT_SECRET ${NOT_UTF_8}\n` })
  }
})
