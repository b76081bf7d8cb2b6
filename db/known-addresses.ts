import type { Handle } from './database.ts'
import { hot } from './hot.ts'
import type { KnownAddress } from './schema.ts'
import { unlocked } from './turns.ts'

const known = hot((db, value: { username: string; network: string }) =>
  db
    .selectFrom('known_addresses')
    .select('network')
    .where('user_id', '=', (users) => users.selectFrom('users').select('id').where('username', '=', value.username))
    .where('network', '=', value.network),
)

/** Whether the user of this name, if there is one, has logged in from a network before. */
export async function isKnownAddress(db: Handle, username: string, network: string): Promise<boolean> {
  return (await known(db, { username, network })).rows.length > 0
}

const remember = hot((db, value: KnownAddress) =>
  db
    .insertInto('known_addresses')
    .values({ user_id: value.user_id, network: value.network, last_at: value.last_at })
    .onConflict((conflict) => conflict.columns(['user_id', 'network']).doUpdateSet((row) => ({ last_at: row.ref('excluded.last_at') }))),
)

/** Remembers that a user has logged in from a network. `last_at` in milliseconds since the epoch. */
export async function rememberAddress(db: Handle, address: KnownAddress): Promise<void> {
  await remember(db, address)
}

const trim = hot((db, value: { userId: number; kept: number }) => {
  const networks = db.selectFrom('known_addresses').select('network').where('user_id', '=', value.userId)
  const newest = networks.orderBy('last_at', 'desc').orderBy('network').limit(value.kept)
  return db.deleteFrom('known_addresses').where('user_id', '=', value.userId).where('network', 'not in', newest)
})

/** Forgets all networks of a user but the `kept` that were used last. The user is locked: else logins at the same time could leave more. */
export async function trimKnownAddresses(db: Handle, userId: number, kept: number): Promise<void> {
  await trim(db, { userId, kept })
}

/** Forgets at most `limit` networks that were last used before `before` (milliseconds since the epoch); resolves to how many. */
export async function deleteAddressesUnusedSince(db: Handle, before: number, limit: number): Promise<number> {
  const old = db.selectFrom('known_addresses').select(['user_id', 'network']).where('last_at', '<', before).orderBy('last_at').limit(limit)
  const { numDeletedRows } = await db
    .deleteFrom('known_addresses')
    .where(({ eb, refTuple }) => eb(refTuple('user_id', 'network'), 'in', unlocked(db, old).$asTuple('user_id', 'network')))
    .executeTakeFirst()
  return Number(numDeletedRows)
}
