import t from 'tap'
import { openDatabase } from '../../db/open.ts'
import { findUserByName, insertUser, setPasswordHash } from '../../db/users.ts'
import { databaseUrl } from '../databases.ts'

t.test('reads of one state see nothing of what is written meanwhile, and hold nobody up', async (t) => {
  const db = await openDatabase(await databaseUrl(t))
  t.teardown(() => db.close())
  const user = { username: 'alice', username_key: 'alice', password: 'old', created_at: 1 }
  const id = await db.write((handle) => insertUser(handle, user))
  const hashes = await db.readOneState(async (handle) => {
    const read = async () => (await findUserByName(handle, 'alice'))?.password
    const before = await read()
    await db.write((writer) => setPasswordHash(writer, id, 'new', 2))
    return [before, await read(), (await findUserByName(db.read, 'alice'))?.password]
  })
  t.strictSame(hashes, ['old', 'old', 'new'])
  await t.rejects(
    db.readOneState((handle) => setPasswordHash(handle, id, 'newer', 3)),
    /read-?only/i,
  )
  await t.rejects(
    db.readOneState(async () => {
      throw new Error('it failed')
    }),
    new Error('it failed'),
  )
  t.equal((await findUserByName(db.read, 'alice'))?.password, 'new')
})
