import { type Kysely, sql } from 'kysely'
import { DEFAULT_MIGRATION_TABLE, type Migration, Migrator } from 'kysely/migration'
import type { OnUpgrade } from './database.ts'
import { DatabaseUnavailable, NotOurDatabase } from './errors.ts'
import * as usersSessionsKeys from './migrations/001-users-sessions-keys.ts'
import * as sessionEndsAndEvents from './migrations/002-session-ends-and-events.ts'
import * as keyRotation from './migrations/003-key-rotation.ts'
import * as clients from './migrations/004-clients.ts'
import * as limits from './migrations/005-limits.ts'
import * as eventActors from './migrations/006-event-actors.ts'
import * as sessionIds from './migrations/007-session-ids.ts'
import * as refreshKeys from './migrations/008-refresh-keys.ts'
import * as issuedClaims from './migrations/009-issued-claims.ts'
import * as refreshedElsewhere from './migrations/010-refreshed-elsewhere.ts'
import * as replacedAsWords from './migrations/011-replaced-as-words.ts'
import * as lanes from './migrations/012-lanes.ts'
import * as unknownNames from './migrations/013-unknown-names.ts'
import * as nameForms from './migrations/014-name-forms.ts'
import type { Tables } from './schema.ts'

/** All migrations by name, in the order in which they are applied. */
export const migrations: Readonly<Record<string, Migration>> = {
  '001-users-sessions-keys': usersSessionsKeys,
  '002-session-ends-and-events': sessionEndsAndEvents,
  '003-key-rotation': keyRotation,
  '004-clients': clients,
  '005-limits': limits,
  '006-event-actors': eventActors,
  '007-session-ids': sessionIds,
  '008-refresh-keys': refreshKeys,
  '009-issued-claims': issuedClaims,
  '010-refreshed-elsewhere': refreshedElsewhere,
  '011-replaced-as-words': replacedAsWords,
  '012-lanes': lanes,
  '013-unknown-names': unknownNames,
  '014-name-forms': nameForms,
}

/**
 * Brings the tables up to date, in one transaction: of several processes that start together one does it, and the others wait for it.
 *
 * @throws {DatabaseUnavailable} when the database cannot do its work
 * @throws {NotOurDatabase} when a migration fails, or when the database was made by a newer version
 */
export async function migrate(db: Kysely<Tables>, onUpgrade: OnUpgrade = () => {}): Promise<void> {
  try {
    await db.transaction().execute((transaction) => upgrade(transaction, onUpgrade))
  } catch (error) {
    if (error instanceof DatabaseUnavailable || error instanceof NotOurDatabase) throw error
    throw new NotOurDatabase((error as Error).message, { cause: error })
  }
}

async function upgrade(transaction: Kysely<Tables>, onUpgrade: OnUpgrade): Promise<void> {
  const applied = await appliedMigrations(transaction)
  refuseUnknown(applied)
  const pending = Object.keys(migrations).filter((name) => !applied.includes(name))
  if (pending.length === 0) return
  onUpgrade(pending)
  const { error } = await new Migrator({ db: transaction, provider: { getMigrations: async () => migrations } }).migrateToLatest()
  if (error) throw error
}

/** The names of the migrations that the database has, in their order. @throws {NotOurDatabase} when it has tables, and not that of migrations */
async function appliedMigrations(transaction: Kysely<Tables>): Promise<string[]> {
  const tables = await transaction.introspection.getTables({ withInternalKyselyTables: true })
  if (!tables.some(({ name }) => name === DEFAULT_MIGRATION_TABLE)) {
    const [other] = tables
    if (other !== undefined) throw new NotOurDatabase(`it is the database of another program, with the table ${other.name}`)
    return []
  }
  const { rows } = await sql<{ name: string }>`select name from ${sql.table(DEFAULT_MIGRATION_TABLE)} order by name`.execute(transaction)
  return rows.map(({ name }) => name)
}

/** Names come only at the end of the list: a database that has the first one and one that is not in the list is of a newer version. */
function refuseUnknown(applied: readonly string[]): void {
  const unknown = applied.find((name) => !(name in migrations))
  if (unknown === undefined) return
  const isOurs = applied.includes(Object.keys(migrations)[0] as string)
  if (!isOurs) throw new NotOurDatabase(`it is the database of another program, with the migration ${unknown}`)
  throw new NotOurDatabase(
    `it was made by a newer version of latchkey, with the migration ${unknown}, which this version does not know: ` +
      'run that version, or restore a backup from before its upgrade',
  )
}
