import type { Database, Handle } from '../database.ts'
import { adapterOf } from '../dialect.ts'
import { MoveRefused, on } from './errors.ts'
import { copyRows, countRows, findRows, highestId, type Moved, movedTables, numberedTables } from './rows.ts'

/** Turns are taken first, as write jobs do: two that lock in different orders would wait for each other. */
const LOCKED = ['locks', ...movedTables]

export type MovedTable = { readonly table: Moved; readonly rows: number }

/** Is told how many of how many rows of a table are copied; from the beginning again, when the target has undone it all. */
export type Tell = (table: Moved, rows: number, of: number) => void

/**
 * Copies all rows of a database to an empty one, as they are, so that nobody is logged out. The source is locked for writing meanwhile, and
 * left as it was. The target has all rows or none, also when the process is killed.
 *
 * @param source, target open, so that both have the tables of this version
 * @returns how many rows each table has
 * @throws {MoveRefused} when there are none, the target has some, or one cannot be moved
 * @throws {MoveFailure} when one of the two databases fails
 */
export async function moveRows(source: Database, target: Database, tell: Tell): Promise<MovedTable[]> {
  if ((await on('source', () => findRows(source.read))) === undefined) throw new MoveRefused('there is nothing to move: no table has a row')
  // Where both are one database it is refused here, before it waits for itself.
  await refuseRows(target.read)
  let moved: MovedTable[] | undefined
  const job = async (from: Handle) => {
    await lock(from)
    moved = await on('target', () => target.write((to) => fill(from, to, tell), { isLong: true }))
  }
  try {
    await on('source', () => source.write(job, { isLong: true }))
  } catch (error) {
    // Nothing was written there, so nothing is lost when the end of its transaction fails.
    if (moved === undefined) throw error
  }
  return moved as unknown as MovedTable[]
}

async function fill(from: Handle, to: Handle, tell: Tell): Promise<MovedTable[]> {
  await lock(to)
  await refuseRows(to)
  // First, because it may need rights that writing rows does not.
  for (const table of numberedTables) await numberOn(from, to, table)
  const moved: MovedTable[] = []
  for (const table of movedTables) {
    const of = await on('source', () => countRows(from, table))
    moved.push({ table, rows: await copyRows(from, to, table, (rows) => tell(table, rows, of)) })
  }
  await adapterOf(to).analyze?.(to, movedTables)
  // Last of all, because a source that answers here has been locked until now.
  for (const { table, rows } of moved) await compare(from, to, table, rows)
  return moved
}

async function lock(handle: Handle): Promise<void> {
  await adapterOf(handle).lockTables?.(handle, LOCKED)
}

async function refuseRows(db: Handle): Promise<void> {
  const table = await on('target', () => findRows(db))
  if (table === undefined) return
  throw new MoveRefused(`the new database has rows already, in ${table}: after a move it has all, else name an empty one`)
}

/** Lets the ids of a table begin after all that either database has given, for an id never comes again. */
async function numberOn(from: Handle, to: Handle, table: Moved): Promise<void> {
  const inSource = await on('source', async () => Math.max(await adapterOf(from).lastIdOf(from, table), await highestId(from, table)))
  const last = Math.max(inSource, await adapterOf(to).lastIdOf(to, table))
  if (last > 0) await adapterOf(to).setLastId(to, table, last)
}

async function compare(from: Handle, to: Handle, table: Moved, copied: number): Promise<void> {
  const had = await on('source', () => countRows(from, table))
  const has = await countRows(to, table)
  if (had === copied && has === copied) return
  throw new MoveRefused(`nothing is moved: of the ${had} rows of ${table}, ${copied} were copied, and the target has ${has}`)
}
