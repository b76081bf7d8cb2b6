// Not on PostgreSQL: it is about SQLite's files.
import { chmodSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openDatabase } from '../../db/open.ts'
import { bare, folder, run, start } from './process.ts'

const modes = (...paths: string[]) => paths.map((path) => (statSync(path).mode & 0o777).toString(8))
const withOpenUmask = (...command: string[]) => bare('sh', '-c', 'umask 000; exec "$@"', 'sh', process.execPath, ...command)

t.test('folders and files that the server makes are for its user alone, whatever the umask', async (t) => {
  const dir = folder(t)
  const file = join(dir, 'made/by/it/latchkey.db')
  const service = await start(t, { DATABASE_URL: `file:${file}` }, withOpenUmask('server.ts'))
  t.same(modes(join(dir, 'made'), join(dir, 'made/by'), join(dir, 'made/by/it')), ['700', '700', '700'])
  t.same(modes(file, `${file}-wal`, `${file}-shm`), ['600', '600', '600'])
  t.match(await service.stop(), { code: 0 })
})

t.test('files that are there keep their mode, and those that SQLite puts beside them have the same', async (t) => {
  const dir = folder(t)
  const file = join(dir, 'latchkey.db')
  await (await openDatabase(`file:${file}`)).close()
  chmodSync(dir, 0o755)
  chmodSync(file, 0o640)
  const service = await start(t, { DATABASE_URL: `file:${file}` }, withOpenUmask('server.ts'))
  t.same(modes(dir, file, `${file}-wal`, `${file}-shm`), ['755', '640', '640', '640'])
  t.match(await service.stop(), { code: 0 })
})

t.test("what the operator's command makes would be for its user alone, too", async (t) => {
  const file = join(folder(t), 'latchkey.db')
  await (await openDatabase(`file:${file}`)).close()
  const witness = `data:text/javascript,process.on('exit', () => console.log(process.umask().toString(8)))`
  const ran = await run(
    t,
    { DATABASE_URL: `file:${file}` },
    withOpenUmask('--no-deprecation', '--import', witness, 'cli.ts', 'users', 'disable', 'x'),
  )
  t.match(ran, { code: 1, stdout: '77\n' })
})
