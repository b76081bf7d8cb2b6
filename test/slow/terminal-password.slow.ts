import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import t, { type Test } from 'tap'
import { latchkey } from '../commands/latchkey.ts'
import { databaseUrl } from '../databases.ts'
import { PASSWORD } from '../helper.ts'
import { serve } from '../server/in-process.ts'
import { bare, environment, postTo, ROOT } from '../server/process.ts'

const SCRIPT = '/usr/bin/script'
const onTerminals = existsSync(SCRIPT) && process.platform === 'linux' ? {} : { skip: `a terminal is made by ${SCRIPT} of util-linux` }

interface Session {
  readonly code: number
  /** Of the terminal after the command: whether it shows again what is typed. */
  readonly echoes: boolean
  readonly shown: string
}

/** Runs `users create alice` on a terminal, as `npx latchkey` does, and types each text when its question is shown. */
async function typing(t: Test, url: string, answers: readonly (readonly [question: string, typed: string])[]): Promise<Session> {
  // The shell of the session stays when Ctrl-C ends the command.
  const session = `trap : INT; "${process.execPath}" bin/latchkey.mjs users create alice --json; echo "code $?"; stty -a`
  const env = { ...environment({ DATABASE_URL: url }), SHELL: '/bin/bash' }
  const [command = '', ...args] = bare(SCRIPT, '-qfec', session, '/dev/null')
  const child = spawn(command, args, { cwd: ROOT, env, stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  let shown = ''
  let left = [...answers]
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text
    const [[question, typed] = ['', '']] = left
    if (question === '' || !shown.endsWith(question)) return
    left = left.slice(1)
    child.stdin.write(typed)
  })
  await once(child, 'close')
  const [, code] = /code (\d+)/.exec(shown) ?? []
  return { code: Number(code), echoes: / echo /.test(shown), shown }
}

const FIRST = 'Password: '
const AGAIN = 'The same again: '

t.test('on a terminal a password is typed twice and not shown, and its user logs in', onTerminals, async (t) => {
  const url = await databaseUrl(t)
  const { code, echoes, shown } = await typing(t, url, [
    [FIRST, `${PASSWORD}x\x7f\r`],
    [AGAIN, `${PASSWORD}\r`],
  ])
  t.strictSame({ code, echoes }, { code: 0, echoes: true })
  t.match(shown, /^Password: \r\nThe same again: \r\n{"id":1,"username":"alice",/)
  const service = await serve(t, { DATABASE_URL: url })
  t.equal((await postTo(`${service.url}/api/token/`, { username: 'alice', password: PASSWORD })).status, 200)
})

t.test(
  'two passwords that differ, none, Ctrl-D and Ctrl-C make no user, and the terminal shows again what is typed',
  onTerminals,
  async (t) => {
    const url = await databaseUrl(t)
    const cases: readonly [answers: Parameters<typeof typing>[2], code: number, line: string][] = [
      [
        [
          [FIRST, `${PASSWORD}\r`],
          [AGAIN, 'another\r'],
        ],
        1,
        'latchkey: the two passwords differ; nothing has changed',
      ],
      [[[FIRST, '\r']], 1, 'latchkey: no password was given; nothing has changed'],
      [[[FIRST, '\x04']], 1, 'latchkey: no password was given; nothing has changed'],
      [[[FIRST, 'secret\x03']], 130, FIRST],
    ]
    for (const [answers, code, line] of cases) {
      const ended = await typing(t, url, answers)
      t.strictSame({ code: ended.code, echoes: ended.echoes }, { code, echoes: true })
      t.ok(ended.shown.includes(line), ended.shown)
      t.notMatch(ended.shown, new RegExp(`${PASSWORD}|another|secret`))
    }
    t.match(await latchkey(url, 'users', 'list'), { code: 0, stdout: 'none\n' })
  },
)
