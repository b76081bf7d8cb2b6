import type { Kysely } from 'kysely'

interface Tables {
  users: { id: number; password: string }
  password_kinds: { kind: string; part: number; users: number; moved: number }
}

const BATCH = 1000
const PARTS = 16
/** All that there can be until now: hashes of other systems come with later versions. */
const ARGON2ID = /^\$argon2id\$v=19\$(m=\d+,t=\d+,p=\d+)\$/

/** How many users have a hash of each kind. */
export async function up(db: Kysely<Tables>): Promise<void> {
  await db.schema
    .createTable('password_kinds')
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('part', 'integer', (column) => column.notNull())
    .addColumn('users', 'bigint', (column) => column.notNull())
    .addColumn('moved', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('password_kinds_key', ['kind', 'part'])
    .execute()
  const rows = await countUsers(db)
  for (const row of rows) await db.insertInto('password_kinds').values(row).execute()
}

async function countUsers(db: Kysely<Tables>): Promise<Tables['password_kinds'][]> {
  const counts = new Map<string, Tables['password_kinds']>()
  for (let after = 0; ; ) {
    const users = await db.selectFrom('users').select(['id', 'password']).where('id', '>', after).orderBy('id').limit(BATCH).execute()
    for (const { id, password } of users) {
      const cost = ARGON2ID.exec(password)?.[1]
      if (cost === undefined) continue
      const row = { kind: `argon2id$${cost}`, part: id % PARTS, moved: 0 }
      const key = `${row.kind} ${row.part}`
      counts.set(key, { ...row, users: 1 + (counts.get(key)?.users ?? 0) })
    }
    const last = users.at(-1)
    if (last === undefined) return [...counts.values()]
    after = last.id
  }
}
