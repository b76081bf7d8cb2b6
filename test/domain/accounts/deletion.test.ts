import t from 'tap'
import { deleteUser } from '../../../domain/accounts/users.ts'
import { build, logIn, PASSWORD, post, register, START } from '../../helper.ts'
import { setFlags } from '../../operator.ts'

const bearer = ({ access }: { access: string }) => ({ authorization: `Bearer ${access}` })

t.test('of a deleted user the id and the time are kept, and no name, whoever deletes', async (t) => {
  const app = await build(t)
  for (const name of ['root', 'alice', 'bob', 'carol']) await register(app, name)
  await setFlags(app, 'root', { isStaff: true, isSuperuser: true })
  await post(app, '/api/users/me/delete/', { password: PASSWORD }, bearer(await logIn(app, 'alice')))
  app.clock.advance(60)
  await post(app, '/api/users/3/delete/', { current_password: PASSWORD }, bearer(await logIn(app, 'root')))
  app.clock.advance(60)
  await deleteUser(app, undefined, 4)
  t.strictSame(await app.db.read.selectFrom('deleted_users').selectAll().orderBy('user_id').execute(), [
    { user_id: 2, deleted_at: START },
    { user_id: 3, deleted_at: START + 60_000 },
    { user_id: 4, deleted_at: START + 120_000 },
  ])
  t.strictSame(
    (await app.db.read.selectFrom('users').select('username').execute()).map(({ username }) => username),
    ['root'],
  )
})
