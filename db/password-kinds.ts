import type { Handle } from './database.ts'
import { hot } from './hot.ts'
import { kindOf } from './password-hashes.ts'
import type { PasswordKind } from './schema.ts'

// How many users have a hash of each kind. A wrong count costs nothing but the proportions of what unknown names are compared with.

/** In so many rows, by user, each kind is counted: transactions side by side would otherwise wait for each other at one. */
const PARTS = 16

/** What becomes of the hash of a user. */
export interface PasswordChange {
  readonly userId: number
  /** The stored text of before; undefined for a new user. */
  readonly from?: string | undefined
  /** The stored text from now on; undefined for a user who is deleted. */
  readonly to?: string | undefined
}

type Deltas = Map<string, Omit<PasswordKind, 'users' | 'moved'> & { users: number; moved: number }>

/**
 * Counts the kinds of hashes that users have from now on, in the transaction that writes them: as one of its last steps, for it locks the
 * rows of the counts, in one order for all.
 */
export async function countPasswords(handle: Handle, changes: Iterable<PasswordChange>): Promise<void> {
  const deltas: Deltas = new Map()
  for (const { userId, from, to } of changes) addChange(deltas, userId, kindIn(from), kindIn(to), 0)
  await writeDeltas(handle, deltas)
}

/** The same for a user whose hash was replaced here: unlike one that an import brings, a name that is no user's follows its kind. */
export async function countReplaced(handle: Handle, userId: number, from: string, to: string): Promise<void> {
  const deltas: Deltas = new Map()
  addChange(deltas, userId, kindOf(from), kindOf(to), 1)
  await writeDeltas(handle, deltas)
}

function kindIn(stored: string | undefined): string | undefined {
  return stored === undefined ? undefined : kindOf(stored)
}

function addChange(deltas: Deltas, userId: number, from: string | undefined, to: string | undefined, moved: 0 | 1): void {
  if (from === to) return
  if (from !== undefined) add(deltas, from, userId % PARTS, -1, moved)
  if (to !== undefined) add(deltas, to, userId % PARTS, 1, 0)
}

function add(deltas: Deltas, kind: string, part: number, users: number, moved: number): void {
  const key = `${kind} ${String(part).padStart(2, '0')}`
  const delta = deltas.get(key) ?? { kind, part, users: 0, moved: 0 }
  deltas.set(key, { ...delta, users: delta.users + users, moved: delta.moved + moved })
}

async function writeDeltas(handle: Handle, deltas: Deltas): Promise<void> {
  const sorted = [...deltas].filter(([, { users }]) => users !== 0).sort(([a], [b]) => (a < b ? -1 : 1))
  // Nobody reads the answers: over a network they are sent together.
  await Promise.all(
    sorted.map(([, delta]) => (delta.users > 0 ? addMore(handle, delta) : takeAway(handle, { ...delta, users: -delta.users }))),
  )
}

const addMore = hot((db, value: PasswordKind) =>
  db
    .insertInto('password_kinds')
    .values({ kind: value.kind, part: value.part, users: value.users, moved: value.moved })
    .onConflict((conflict) =>
      conflict.columns(['kind', 'part']).doUpdateSet((row) => ({
        users: row('password_kinds.users', '+', row.ref('excluded.users')),
        moved: row('password_kinds.moved', '+', row.ref('excluded.moved')),
      })),
    ),
)

const takeAway = hot((db, value: PasswordKind) =>
  db
    .updateTable('password_kinds')
    .set((row) => ({
      users: row
        .case()
        .when('users', '>', value.users)
        .then(row('users', '-', value.users))
        .else(0)
        .end(),
      moved: row('moved', '+', value.moved),
    }))
    .where('kind', '=', value.kind)
    .where('part', '=', value.part),
)

/** How many users have a hash of a kind. */
export type KindCount = Omit<PasswordKind, 'part'>

/** Every kind that users have or had, in no order. */
export async function listPasswordKinds(db: Handle): Promise<KindCount[]> {
  const counts = new Map<string, KindCount>()
  for (const { kind, users, moved } of await db.selectFrom('password_kinds').selectAll().execute()) {
    const before = counts.get(kind)
    counts.set(kind, { kind, users: users + (before?.users ?? 0), moved: moved + (before?.moved ?? 0) })
  }
  return [...counts.values()]
}
