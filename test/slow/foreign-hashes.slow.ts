import t from 'tap'
import { openDatabase } from '../../db/open.ts'
import { insertUser } from '../../db/users.ts'
import { limitMemory } from '../../harness/memory-limit.ts'
import { vectors } from '../domain/passwords/vectors.ts'
import { bare, folder, postTo, start } from '../server/process.ts'

const USERS = 50
const MIB = 256

const limit = limitMemory(MIB)
const needsLimit = limit ? {} : { skip: 'no control group can be made here: that takes root on Linux' }
t.teardown(() => limit?.remove())

t.test(
  `${USERS} users with argon2 of Django, 100 MiB each, who log in at once within ${MIB} MiB are served, and the kernel kills nobody`,
  needsLimit,
  async (t) => {
    const { password, stored } = vectors.argon2 as { password: string; stored: string }
    const url = `file:${folder(t)}/latchkey.db`
    const names = Array.from({ length: USERS }, (_, index) => `user-${index}`)
    const db = await openDatabase(url)
    await db.write(async (handle) => {
      for (const username of names) await insertUser(handle, { username, username_key: username, password: stored, created_at: 1 })
    })
    await db.close()
    const command = bare(process.execPath, '--max-semi-space-size=4', 'server.ts')
    const env = {
      DATABASE_URL: url,
      ARGON2_MEMORY_KIB: '19456',
      ARGON2_ITERATIONS: '2',
      HASHING_CONCURRENCY: '',
      LIMITS: 'off',
      MALLOC_ARENA_MAX: '2',
    }
    const service = await start(t, env, limit?.limited(command))
    const logIn = (username: string) => postTo(`${service.url}/api/token/`, { username, password })
    const answers = await Promise.all(names.map(logIn))
    const refused = answers.filter(({ status }) => status !== 200)
    t.comment(`${USERS - refused.length} were let in at once`)
    for (const { status, body } of refused) t.match([status, body], [503, { code: 'overloaded' }])
    // Those who were refused come again; all others have a hash of ours by now.
    for (const [index, { status }] of answers.entries()) if (status !== 200) t.match(await logIn(names[index] as string), { status: 200 })
    for (let round = 0; round < 2; round++) {
      const again = await Promise.all(names.map(logIn))
      t.strictSame(new Set(again.map(({ status }) => status)), new Set([200]))
    }
    t.match(await service.stop(), { code: 0, signal: null })
    t.equal(limit?.kills(), 0)
  },
)
