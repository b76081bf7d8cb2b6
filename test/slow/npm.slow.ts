// The service and the operator's command as npm starts them: npm and its shell take seconds of processor time.
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { databaseFile } from '../commands/latchkey.ts'
import { bare, folder, ROOT, run, start } from '../server/process.ts'
import { live } from '../server/sockets.ts'
import { talk } from '../server/talk.ts'

const launched = bare(process.execPath, 'bin/launch.mjs', 'server.ts')

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`the launcher passes ${signal} on, and exits with the code of the service`, async (t) => {
    const file = `${folder(t)}/latchkey.db`
    const service = await start(t, { DATABASE_URL: `file:${file}` }, launched)
    const end = await service.stop(signal)
    t.match(end, { code: 0, signal: null })
    t.ok(end.ms < 1500, `${end.ms} ms`)
    t.notOk(existsSync(`${file}-wal`))
    t.match(await talk(service.port, [live]), { answers: [], isEnded: true }, 'no process listens any more')
  })
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`npm start passes ${signal} on`, async (t) => {
    const file = `${folder(t)}/latchkey.db`
    const service = await start(t, { DATABASE_URL: `file:${file}` }, bare('npm', '--prefix', ROOT, 'start'))
    const end = await service.stop(signal)
    t.match(end, { code: 0, signal: null })
    t.ok(end.ms < 2000, `${end.ms} ms`)
    await sleep(200)
    t.match(await talk(service.port, [live]), { answers: [], isEnded: true }, 'no process listens any more')
    t.notOk(existsSync(`${file}-wal`), 'the database is closed')
  })
}

t.test('npx latchkey runs the command in the project, with any Node on the PATH, and exits with its code', async (t) => {
  const file = await databaseFile(t)
  const env = {
    DATABASE_URL: `file:${file}`,
    npm_config_cache: folder(t),
    npm_config_update_notifier: 'false',
    npm_config_loglevel: 'error',
  }
  const npx = (...args: string[]) => run(t, env, bare('npx', '--offline', 'latchkey', ...args))
  t.match(await npx('clients', 'list', '--json'), { code: 0, stdout: '[]\n', stderr: '' })
  t.match(await npx('clients', 'revoke', 'nobody'), { code: 1, stdout: '', stderr: /^latchkey: there is no client "nobody"/ })
  t.match(await npx('nonsense'), { code: 2, stdout: '' })
})
