import type { Handle } from './database.ts'
import { hot } from './hot.ts'
import type { User } from './schema.ts'

/** Where a page begins: after the user with this folded name and id. */
export interface After {
  readonly usernameKey: string
  readonly id: number
}

const FLAGS = ['is_active', 'is_staff', 'is_superuser'] as const

/** Which users are listed: those with these flags. */
export type Flags = { readonly [flag in (typeof FLAGS)[number]]?: 0 | 1 }

const inOrder = hot((db, value: Page) => page(db, value))

const withFlags = hot((db, value: Page & Required<Flags>) =>
  page(db, value)
    .where('is_active', '=', value.is_active)
    .where('is_staff', '=', value.is_staff)
    .where('is_superuser', '=', value.is_superuser),
)

interface Page {
  readonly usernameKey: string
  readonly id: number
  readonly limit: number
}

function page(db: Handle, { usernameKey, id, limit }: Page) {
  return db
    .selectFrom('users')
    .selectAll()
    .where(({ eb, refTuple, tuple }) => eb(refTuple('username_key', 'id'), '>', tuple(usernameKey, id)))
    .orderBy('username_key')
    .orderBy('id')
    .limit(limit)
}

/**
 * The users that come next, by folded name and id. Of each combination of flags that is asked for the next ones are read, so that it reads no
 * more than eight times `limit` rows, however few have the flags.
 */
export async function listUsersAfter(db: Handle, flags: Flags, { usernameKey, id }: After, limit: number): Promise<User[]> {
  const after = { usernameKey, id, limit }
  if (FLAGS.every((flag) => flags[flag] === undefined)) return (await inOrder(db, after)).rows
  const pages = await Promise.all(combinations(flags).map((combination) => withFlags(db, { ...after, ...combination })))
  return pages
    .flatMap(({ rows }) => rows)
    .sort(byKeyAndId)
    .slice(0, limit)
}

function combinations(flags: Flags): Required<Flags>[] {
  const either = (flag: keyof Flags): readonly (0 | 1)[] => (flags[flag] === undefined ? [0, 1] : [flags[flag]])
  return either('is_active').flatMap((is_active) =>
    either('is_staff').flatMap((is_staff) => either('is_superuser').map((is_superuser) => ({ is_active, is_staff, is_superuser }))),
  )
}

/** As both databases sort: by the bytes of UTF-8, which is another order than that of JavaScript. */
function byKeyAndId(one: User, other: User): number {
  return Buffer.compare(Buffer.from(one.username_key), Buffer.from(other.username_key)) || one.id - other.id
}
