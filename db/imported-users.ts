import type { Handle } from './database.ts'
import { hot } from './hot.ts'
import type { User } from './schema.ts'
import { nfcIfOther } from './users.ts'

/** What an import decides by: what is here of the users of a page, and of their names. */
export interface Present {
  /** The users with their ids. */
  readonly users: readonly User[]
  /** Those of the ids whose users were deleted here. */
  readonly deleted: readonly number[]
  /** The users who have one of the names. */
  readonly named: readonly Named[]
  /** The users who have one of the folded names. */
  readonly folded: readonly Pick<User, 'id' | 'username_key'>[]
}

export type Named = Pick<User, 'id' | 'username' | 'changed_at' | 'imported_at'>

/** Who is asked about: as many ids as names, of at most some hundred users. */
export interface Asked {
  readonly ids: readonly number[]
  readonly names: readonly string[]
  readonly keys: readonly string[]
}

/** What is here already of some users. */
export async function findPresent(db: Handle, { ids, names, keys }: Asked): Promise<Present> {
  const [users, deleted, named, folded] = await Promise.all([
    findUsersByIds(db, ids),
    db.selectFrom('deleted_users').select('user_id').where('user_id', 'in', padded(ids)).execute(),
    db.selectFrom('users').select(['id', 'username', 'changed_at', 'imported_at']).where('username', 'in', padded(names)).execute(),
    db.selectFrom('users').select(['id', 'username_key']).where('username_key', 'in', padded(keys)).execute(),
  ])
  return { users, deleted: deleted.map(({ user_id }) => user_id), named, folded }
}

/** How many values a list of a statement has: each other length would be a statement that is kept. */
const LENGTHS = [1, 10, 50, 250]

/** The same values, the last one again and again; of none a single one that nobody has. */
function padded<T extends string | number>(values: readonly T[]): readonly T[] {
  const last = values.at(-1) ?? ('' as T)
  const length = LENGTHS.find((each) => each >= values.length) ?? values.length
  return [...values, ...Array.from({ length: length - values.length }, () => last)]
}

/** A row as an import writes it; another member of the table keeps what it has. */
export type Imported = Pick<
  User,
  | 'id'
  | 'username'
  | 'username_key'
  | 'password'
  | 'is_active'
  | 'is_staff'
  | 'is_superuser'
  | 'created_at'
  | 'last_login_at'
  | 'email'
  | 'changed_at'
  | 'imported_hash_md5'
>

type Stored = Imported & Pick<User, 'username_nfc' | 'imported_at'>
type Value = string | number | null

const COLUMNS = Object.keys({
  id: true,
  username: true,
  username_nfc: true,
  username_key: true,
  password: true,
  is_active: true,
  is_staff: true,
  is_superuser: true,
  created_at: true,
  last_login_at: true,
  email: true,
  changed_at: true,
  imported_at: true,
  imported_hash_md5: true,
} satisfies Record<keyof Stored, true>) as (keyof Stored)[]

/** Rows of a statement: one that is built for so many is kept, and the rest goes by single ones. */
const ROWS = 50
const insertMany = insertion(ROWS)
const insertOne = insertion(1)

function insertion(size: number) {
  return hot((db, value: Record<string, Value>) => {
    const rows = Array.from({ length: size }, (_, row) =>
      Object.fromEntries(COLUMNS.map((column, index) => [column, value[row * COLUMNS.length + index]])),
    )
    return db.insertInto('users').values(rows as unknown as Stored[])
  })
}

/** Adds users under the ids that they have. @throws {QueryRefused} when an id or exactly a name is taken */
export async function insertImported(db: Handle, users: readonly Imported[]): Promise<void> {
  for (let from = 0; from < users.length; ) {
    const isMany = users.length - from >= ROWS
    const some = users.slice(from, from + (isMany ? ROWS : 1))
    await (isMany ? insertMany : insertOne)(db, valuesOf(some) as unknown as Record<string, Value>)
    from += some.length
  }
}

/** By their places. An object of as many members would take longer to make than the rows to insert. */
function valuesOf(users: readonly Imported[]): Value[] {
  const values: Value[] = []
  for (const user of users) {
    const row = stored(user)
    for (const column of COLUMNS) values.push(row[column])
  }
  return values
}

const update = hot((db, value: Stored) => {
  const columns = COLUMNS.filter((column) => column !== 'id').map((column) => [column, value[column]])
  return db.updateTable('users').set(Object.fromEntries(columns)).where('id', '=', value.id)
})

/** Brings users up to date who are there, one after the other: a name that one has given up is another's in the same transaction. */
export async function updateImported(db: Handle, users: readonly Imported[]): Promise<void> {
  for (const user of users) await update(db, stored(user))
}

function stored(user: Imported): Stored {
  return { ...user, username_nfc: nfcIfOther(user.username), imported_at: user.changed_at }
}

const park = hot((db, value: { id: number; name: string }) =>
  db.updateTable('users').set({ username: value.name, username_key: value.name }).where('id', '=', value.id),
)

/** Lets users give up their names within a transaction in which each gets another one. */
export async function giveUpNames(db: Handle, userIds: readonly number[]): Promise<void> {
  // No name of a user has a control character.
  for (const id of userIds) await park(db, { id, name: `\x01${id}` })
}

/** Those of some users who have a session that has not ended. */
export async function withSessions(db: Handle, userIds: readonly number[]): Promise<number[]> {
  if (userIds.length === 0) return []
  const found = db.selectFrom('sessions').select('user_id').distinct().where('user_id', 'in', padded(userIds)).where('ended_at', 'is', null)
  return (await found.execute()).map(({ user_id }) => user_id)
}

/** The users with some ids. */
export async function findUsersByIds(db: Handle, ids: readonly number[]): Promise<User[]> {
  return ids.length === 0 ? [] : db.selectFrom('users').selectAll().where('id', 'in', padded(ids)).execute()
}

/** All users that `findPresent` would tell of, whole. */
export async function findAllPresent(db: Handle, { ids, names, keys }: Asked): Promise<User[]> {
  const by = (column: 'id' | 'username' | 'username_key', values: readonly (string | number)[]) =>
    values.length === 0 ? [] : db.selectFrom('users').selectAll().where(column, 'in', padded(values)).execute()
  return (await Promise.all([by('id', ids), by('username', names), by('username_key', keys)])).flat()
}

/** How many users here came by an import. */
export async function countImported(db: Handle): Promise<number> {
  const { users } = await db
    .selectFrom('users')
    .select(({ fn }) => fn.countAll<number>().as('users'))
    .where('imported_at', 'is not', null)
    .executeTakeFirstOrThrow()
  return users
}

/** Copies rows of another database that are not here yet, by their ids. */
export async function copyPresent(to: Handle, users: readonly User[], deleted: readonly number[]): Promise<void> {
  for (const user of users) await copyUser(to, user)
  for (const user_id of deleted) await copyDeleted(to, { user_id })
}

const copyUser = hot((db, value: User) => {
  const columns = [...COLUMNS, 'tokens_revoked_at' as const].map((column) => [column, value[column]])
  return db
    .insertInto('users')
    .values(Object.fromEntries(columns))
    .onConflict((conflict) => conflict.column('id').doNothing())
})

const copyDeleted = hot((db, value: { user_id: number }) =>
  db
    .insertInto('deleted_users')
    .values({ user_id: value.user_id, deleted_at: 0 })
    .onConflict((conflict) => conflict.doNothing()),
)
