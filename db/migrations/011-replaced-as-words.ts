import { type Kysely, sql } from 'kysely'

interface Tables {
  sessions: { replaced: string }
}

/**
 * `replaced` was a JSON array of `{ jti, at }`, and is now `jti@at` with a space between. A session that is refreshed often remembers
 * fifty tokens, and to parse and write so much JSON was a tenth of a refresh.
 */
export async function up(db: Kysely<Tables>): Promise<void> {
  const steps = [
    ['[{"jti":"', ''],
    ['},{"jti":"', ' '],
    ['","at":', '@'],
    ['}]', ''],
    ['[]', ''],
  ] as const
  const replaced = steps.reduce((text, [from, to]) => sql<string>`replace(${text}, ${from}, ${to})`, sql<string>`replaced`)
  await db.updateTable('sessions').set({ replaced }).execute()
}
