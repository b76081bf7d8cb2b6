// Not on PostgreSQL: the databases of earlier versions are files of SQLite.
import t from 'tap'
import { kindOf } from '../../db/password-hashes.ts'
import { listPasswordKinds } from '../../db/password-kinds.ts'
import { logIn } from '../helper.ts'
import { someOldDatabases } from './old-databases.ts'
import { upgrade } from './upgraded.ts'

for (const old of someOldDatabases) {
  t.test(`after the upgrade of ${old.name} its users are counted by the kind of their hash, and go on being counted`, async (t) => {
    const app = await upgrade(t, old)
    const counted = async () => {
      const kinds = await listPasswordKinds(app.db.read)
      return Object.fromEntries(kinds.filter(({ users }) => users > 0).map(({ kind, users }) => [kind, users]))
    }
    const expected = async () => {
      const counts: Record<string, number> = {}
      for (const { password } of await app.db.read.selectFrom('users').select('password').execute()) {
        const kind = kindOf(password)
        if (kind !== undefined) counts[kind] = (counts[kind] ?? 0) + 1
      }
      return counts
    }
    t.ok(Object.keys(await counted()).length > 0)
    t.same(await counted(), await expected())
    await logIn(app)
    t.same(await counted(), await expected())
  })
}
