// Not on PostgreSQL: the databases of earlier versions are files of SQLite.
import t from 'tap'
import { logIn, START } from '../helper.ts'
import { someOldDatabases } from './old-databases.ts'
import { upgrade } from './upgraded.ts'

for (const old of someOldDatabases) {
  t.test(`after the upgrade of ${old.name} nobody is staff, and nobody has been changed since the registration`, async (t) => {
    const app = await upgrade(t, old)
    const rows = () => app.db.read.selectFrom('users').selectAll().orderBy('id').execute()
    const users = await rows()
    t.ok(users.length >= 2)
    const unknown = { is_staff: 0, is_superuser: 0, last_login_at: null, email: null }
    for (const user of users) t.strictSame(user, { ...user, ...unknown, changed_at: user.created_at })
    await logIn(app)
    t.strictSame(
      (await rows()).map(({ last_login_at }) => last_login_at),
      users.map(({ username }) => (username === 'alice' ? START : null)),
    )
  })
}
