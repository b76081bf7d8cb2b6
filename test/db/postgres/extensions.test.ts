// Only on PostgreSQL: it has extensions and schemas.
import pg from 'pg'
import t, { type Test } from 'tap'
import { NotOurDatabase } from '../../../db/errors.ts'
import { openDatabase } from '../../../db/open.ts'
import { databaseUrl } from '../../databases.ts'

/** A schema of its own, in which this was done. */
async function schemaWith(t: Test, statement: string): Promise<{ url: string; schema: string }> {
  const url = await databaseUrl(t)
  const client = new pg.Client(url)
  await client.connect()
  t.teardown(async () => {
    await client.query('drop schema own cascade')
    await client.end()
  })
  await client.query(`create schema own; ${statement}`)
  return { url, schema: 'own' }
}

t.test('the views of an extension in the schema are no other program', async (t) => {
  const { url, schema } = await schemaWith(t, 'create extension pg_stat_statements schema own')
  const db = await openDatabase(url, { schema })
  t.same(await db.read.selectFrom('users').selectAll().execute(), [])
  await db.close()
})

t.test('the table of another program in the schema is refused', async (t) => {
  const { url, schema } = await schemaWith(t, 'create table own.cats (id int)')
  const message = 'it is the database of another program, with the table cats in the schema own: set DATABASE_SCHEMA to one of its own'
  await t.rejects(openDatabase(url, { schema }), new NotOurDatabase(message))
})
