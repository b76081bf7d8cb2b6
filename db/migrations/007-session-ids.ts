import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('sessions').addColumn('sid_secret', 'text').execute()
  // The column becomes a text. Not every database can change the type of a column, so another one takes its place.
  await db.schema.alterTable('auth_events').addColumn('sid', 'text').execute()
  await sql`update auth_events set sid = cast(session_id as text)`.execute(db)
  await db.schema.alterTable('auth_events').dropColumn('session_id').execute()
  await db.schema.alterTable('auth_events').renameColumn('sid', 'session_id').execute()
}
