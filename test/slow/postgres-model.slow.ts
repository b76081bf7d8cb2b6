import t from 'tap'
import { openDatabase } from '../../db/open.ts'
import { build } from '../helper.ts'
import { compareInEveryMode } from '../model/compare.ts'
import { startServer } from './postgres/server.ts'

const server = await startServer(t)
// Each run begins with a copy of this database, which has the tables.
await (await openDatabase(server.url())).close()
let databases = 0

compareInEveryMode(t, 5, 3500, async (t, env) => {
  const both = { ...env, DATABASE_URL: await server.makeDatabase(`run-${databases++}`, 'latchkey') }
  return [await build(t, both), await build(t, both)]
})
