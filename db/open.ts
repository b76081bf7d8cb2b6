import type { Database, Inspection, Opening } from './database.ts'
import type { Copies, Dialect, Site } from './dialect.ts'
import { postgres } from './postgres/database.ts'
import type { Source } from './sources/source.ts'
import { openRehearsal, sqlite } from './sqlite/database.ts'

/** The one place that names dialects. */
const dialects: readonly Dialect[] = [sqlite, postgres]

/** Whether there is a dialect that understands a URL. Nothing is opened for it. */
export function isDatabaseUrl(url: string): boolean {
  const site = find(url)
  return site !== undefined && site.fault === undefined
}

/** What is wrong with a URL that is none, where its dialect can tell: in words without credentials. */
export function faultOfDatabaseUrl(url: string): string | undefined {
  return find(url)?.fault
}

/**
 * Opens the database that a URL names, and brings its tables up to date. One that does not exist is made.
 *
 * @param url one that `isDatabaseUrl` accepts: `file:PATH`, `:memory:` or `postgres://…`
 * @throws {DatabaseUnavailable} when it cannot be made, opened or written
 * @throws {NotOurDatabase} when its tables cannot be brought up to date
 */
export async function openDatabase(url: string, opening?: Opening): Promise<Database> {
  return siteOf(url).open(opening)
}

/** Whether the database that a URL names has been made. @throws {DatabaseUnavailable} when that cannot be found out */
export async function databaseExists(url: string, opening?: Opening): Promise<boolean> {
  return siteOf(url).exists(opening)
}

/** Opens the database that a URL names, to look at it and change nothing; it must be one that was made. @throws {DatabaseUnavailable} */
export async function inspectDatabase(url: string, opening?: Opening): Promise<Inspection> {
  return siteOf(url).inspect(opening)
}

/** Where the database of a URL is, in words without credentials, and whether other processes can open it too. */
export function describeDatabase(url: string): Pick<Site, 'place' | 'isShared'> {
  return siteOf(url)
}

/** Opens the database of another system that a URL names, to read it and change nothing. @throws {SourceFailed} */
export async function openSource(url: string): Promise<Source> {
  return siteOf(url).openSource()
}

/** A database without rows that is gone when it is closed, to see there what would come of changes to another one. */
export async function openEmptyDatabase(): Promise<Database> {
  return openRehearsal()
}

/** A store for the lines of a file, which is gone when it is closed. */
export { openLineStore } from './sqlite/lines.ts'

/** How the database of a URL is copied, and how a copy takes its place; undefined where that is not for us to do. */
export function copiesOf(url: string): Copies | undefined {
  return siteOf(url).copies
}

function siteOf(url: string): Site {
  const site = find(url)
  // The URL may hold a password, so it is not repeated.
  if (site === undefined) throw new TypeError('no dialect understands this database URL')
  return site
}

function find(url: string): Site | undefined {
  for (const dialect of dialects) {
    const site = dialect(url)
    if (site !== undefined) return site
  }
  return undefined
}
