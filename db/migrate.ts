import type { Kysely } from 'kysely'
import { DEFAULT_MIGRATION_TABLE, type Migration, Migrator } from 'kysely/migration'
import type { OnUpgrade } from './database.ts'
import { adapterOf } from './dialect.ts'
import { DatabaseForbidden, DatabaseUnavailable, NotOurDatabase, QueryRefused } from './errors.ts'
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
import * as locks from './migrations/015-locks.ts'
import * as administration from './migrations/016-administration.ts'
import * as movingIn from './migrations/017-moving-in.ts'
import * as passwordKinds from './migrations/018-password-kinds.ts'
import * as expiryByHour from './migrations/019-expiry-by-hour.ts'
import { movedTables } from './moving/rows.ts'
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
  '015-locks': locks,
  '016-administration': administration,
  '017-moving-in': movingIn,
  '018-password-kinds': passwordKinds,
  '019-expiry-by-hour': expiryByHour,
}

/** Whether a database has tables of ours, of whatever version. */
export async function hasTables(db: Kysely<Tables>): Promise<boolean> {
  return (await tablesOf(db)).includes(DEFAULT_MIGRATION_TABLE)
}

/** Whether the tables are those of this version, with nothing to do. Otherwise `migrate` does it, or says what is wrong. */
export async function isUpToDate(db: Kysely<Tables>): Promise<boolean> {
  try {
    const applied = await namesOfMigrations(db)
    return applied.every((name) => name in migrations) && Object.keys(migrations).every((name) => applied.includes(name))
  } catch (error) {
    if (error instanceof QueryRefused) return false
    throw error
  }
}

/**
 * Brings the tables up to date, in one transaction: of several processes that start together one does it, and the others wait for it. Where
 * they are, nothing is written, so that whoever uses them need not be their owner.
 *
 * @throws {DatabaseUnavailable} when the database cannot do its work
 * @throws {NotOurDatabase} when a migration fails, or when the database was made by a newer version
 */
export async function migrate(db: Kysely<Tables>, onUpgrade: OnUpgrade = () => {}): Promise<void> {
  try {
    if (await isUpToDate(db)) return
    await db.transaction().execute((transaction) => upgrade(transaction, onUpgrade))
  } catch (error) {
    if (error instanceof DatabaseForbidden) {
      throw new NotOurDatabase(
        `its tables are not up to date, and only their owner can change them: run \`latchkey migrate\` as the owner (${error.message})`,
      )
    }
    if (error instanceof DatabaseUnavailable || error instanceof NotOurDatabase) throw error
    throw new NotOurDatabase((error as Error).message, { cause: error })
  }
}

async function upgrade(transaction: Kysely<Tables>, onUpgrade: OnUpgrade): Promise<void> {
  const { beginMigrations, schema } = adapterOf(transaction)
  await beginMigrations?.call(adapterOf(transaction), transaction)
  const pending = await missingMigrations(transaction)
  if (pending.length === 0) return
  onUpgrade(pending)
  const provider = { getMigrations: async () => migrations }
  const { error } = await new Migrator({ db: transaction, provider, ...(schema && { migrationTableSchema: schema }) }).migrateToLatest()
  if (error) throw error
}

/** The names of the migrations that a database needs, in their order. @throws {NotOurDatabase} when it has tables of another program, or of a newer version */
export async function missingMigrations(db: Kysely<Tables>): Promise<string[]> {
  const applied = await appliedMigrations(db)
  refuseUnknown(applied)
  return Object.keys(migrations).filter((name) => !applied.includes(name))
}

/** The names of the migrations that the database has, in their order. @throws {NotOurDatabase} when it has tables, and not that of migrations */
async function appliedMigrations(db: Kysely<Tables>): Promise<string[]> {
  const tables = await tablesOf(db)
  if (!tables.includes(DEFAULT_MIGRATION_TABLE)) {
    const [other] = tables
    if (other !== undefined) throw new NotOurDatabase(`it is the database of another program, with the table ${other}${elsewhere(db)}`)
    return []
  }
  return namesOfMigrations(db)
}

/** The tables of this version that a database lacks. */
export async function missingTables(db: Kysely<Tables>): Promise<string[]> {
  const present = await tablesOf(db)
  return [...movedTables, 'locks'].filter((table) => !present.includes(table))
}

async function namesOfMigrations(db: Kysely<Tables>): Promise<string[]> {
  const applied = (db as unknown as Kysely<Record<typeof DEFAULT_MIGRATION_TABLE, { name: string }>>).selectFrom(DEFAULT_MIGRATION_TABLE)
  return (await applied.select('name').orderBy('name').execute()).map(({ name }) => name)
}

async function tablesOf(db: Kysely<Tables>): Promise<string[]> {
  return (await db.introspection.getTables({ withInternalKyselyTables: true })).map(({ name }) => name)
}

function elsewhere(db: Kysely<Tables>): string {
  const { schema } = adapterOf(db)
  return schema === undefined ? '' : ` in the schema ${schema}: set DATABASE_SCHEMA to one of its own`
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
