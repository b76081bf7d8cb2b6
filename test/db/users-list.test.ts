// Not on PostgreSQL: it reads what SQLite plans.
import { sql } from 'kysely'
import t from 'tap'
import { openDatabase } from '../../db/open.ts'
import { listUsersAfter } from '../../db/users-list.ts'

t.test('a page of users is read by an index, whatever the flags, and nothing is sorted', async (t) => {
  const db = await openDatabase(':memory:')
  t.teardown(() => db.close())
  const plans: string[] = []
  for (const flags of [{}, { is_staff: 1 as const }]) {
    const queries = new Set<string>()
    const read = t.capture(db.read.getExecutor().adapter as unknown as { runDirectly(...query: unknown[]): unknown }, 'runDirectly', () => {
      return { rows: [] }
    })
    await listUsersAfter(db.read, flags, { usernameKey: 'a', id: 1 }, 50)
    for (const { args } of read()) queries.add((args[0] as { compiled: { sql: string } }).compiled.sql)
    read.restore()
    for (const query of queries) {
      const plan = await sql<{ detail: string }>`explain query plan ${sql.raw(query.replaceAll('?', '1'))}`.execute(db.read)
      plans.push(plan.rows.map(({ detail }) => detail).join('; '))
    }
  }
  t.same(plans, [
    'SEARCH users USING INDEX users_in_order (username_key>?)',
    'SEARCH users USING INDEX users_by_flags (is_active=? AND is_staff=? AND is_superuser=? AND username_key>?)',
  ])
})
