import t from 'tap'
import { openDatabase } from '../../../db/open.ts'
import { insertUser } from '../../../db/users.ts'
import { sqlForDjango } from '../../../domain/exports/django.ts'
import type { DjangoTable } from '../../../domain/exports/django-user.ts'
import { DIALECTS, type SqlDialect } from '../../../domain/exports/sql.ts'
import { databaseUrl } from '../../databases.ts'

const TABLE: DjangoTable = {
  table: 'auth_user',
  usernameColumn: 'username',
  usernameLength: 150,
  columns: [],
  values: {},
  dialect: DIALECTS.sqlite?.('UTC') as SqlDialect,
}

t.test('an export gives out its SQL in pages, and tells after each how many users were written', async (t) => {
  const db = await openDatabase(await databaseUrl(t))
  t.teardown(() => db.close())
  const names = Array.from({ length: 501 }, (_, index) => `user-${index + 1}`)
  await db.write(async (handle) => {
    for (const username of names) await insertUser(handle, { username, username_key: username, password: '!', created_at: 1 })
  })
  const told: number[] = []
  const watch = { onMisfit: () => t.fail('all fit'), onProgress: (users: number) => told.push(users) }
  const inserts: number[] = []
  for await (const lines of sqlForDjango(db.read, TABLE, watch)) inserts.push(lines.split('INSERT INTO "auth_user"').length - 1)
  t.same(told, [0, 0, 0, 250, 500, 501])
  t.same(inserts, [0, 0, 0, 0, 250, 250, 1, 0])
})
