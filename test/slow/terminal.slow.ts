import { existsSync } from 'node:fs'
import t from 'tap'
import { bare, folder, run, start } from '../server/process.ts'

const SCRIPT = '/usr/bin/script'
const onTerminals = existsSync(SCRIPT) && process.platform === 'linux' ? {} : { skip: `a terminal is made by ${SCRIPT} of util-linux` }

/** Starts a service on a terminal, and ends it when it listens. */
const session = (env: string) =>
  `${env} "${process.execPath}" server.ts & service=$!; until grep -q listens "$LOG"; do read -t 0.05 < <(:); done; kill $service; wait $service`

t.test('on a terminal the log is for people, in colours unless NO_COLOR is set; the address is readable', onTerminals, async (t) => {
  for (const [env, isColoured] of [
    ['TERM=xterm-256color', true],
    ['TERM=xterm-256color NO_COLOR=1', false],
  ] as const) {
    const log = `${folder(t)}/log`
    const line = ['bash', '-c', `${SCRIPT} -qfec 'bash -c "$SESSION"' "$LOG" </dev/null`]
    const { stdout } = await run(
      t,
      { DATABASE_URL: ':memory:', SESSION: session(env), LOG: log },
      bare(line[0] as string, ...line.slice(1)),
    )
    t.match(stdout, /latchkey listens on http:\/\/127\.0\.0\.1:\d+, its documentation is at http:\/\/127\.0\.0\.1:\d+\/docs/)
    t.notMatch(stdout, '{"level"')
    t.equal(stdout.includes('\u001b'), isColoured)
  }
})

t.test('in a pipe every line of the log is JSON', async (t) => {
  const service = await start(t, { DATABASE_URL: ':memory:', TERM: 'xterm-256color', FORCE_COLOR: '1' })
  await service.stop()
  const lines = service.output().trim().split('\n')
  for (const line of lines) t.match(JSON.parse(line), { level: Number, msg: String })
})
