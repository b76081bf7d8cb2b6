import t from 'tap'
import { importUsers } from '../../../domain/imports/run.ts'
import type { UserSource } from '../../../domain/imports/source.ts'
import { timeReader } from '../../../domain/imports/times.ts'
import { build, PASSWORD } from '../../helper.ts'

const members = { password: '!', last_login: null, is_superuser: '0', is_staff: '0', is_active: '1', date_joined: null, email: null }
const users = [1n, 2n].map((id) => ({ ...members, id, username: `user-${id}` }))

t.test('who registers after an import has a page has an id behind those of users who came into the source meanwhile', async (t) => {
  const app = await build(t)
  let given = 1n
  const registered: number[] = []
  const source: UserSource = {
    place: 'here',
    table: 'auth_user',
    usernameColumn: 'username',
    lastId: async () => given,
    async usersAfter(id = 0n) {
      if (id > 0n) given = 2n
      if (id > 1n) registered.push(await register('newcomer'))
      return users.filter((user) => user.id > id && user.id <= given).slice(0, 1)
    },
    deadTokensAfter: async () => [],
    close: async () => {},
  }
  const register = async (username: string) =>
    (await app.inject({ method: 'POST', url: '/api/users/', payload: { username, password: PASSWORD } })).statusCode
  const options = { readTime: timeReader(undefined), onRow: () => {}, onProgress: () => {}, isStopping: () => false }
  const { users: counts, nextId } = await importUsers(app, source, options)
  t.match(counts, { new: 2, left_out: 0 })
  registered.push(await register('later'))
  t.strictSame(registered, [201, 201])
  const rows = await app.db.read.selectFrom('users').select(['id', 'username']).orderBy('id').execute()
  t.strictSame(
    rows.map(({ id, username }) => [id, username]),
    [
      [1, 'user-1'],
      [2, 'user-2'],
      [3, 'newcomer'],
      [4, 'later'],
    ],
  )
  t.equal(nextId, 4)
})
