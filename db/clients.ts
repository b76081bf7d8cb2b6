import type { Handle } from './database.ts'
import { hot } from './hot.ts'
import type { Client } from './schema.ts'

const byId = hot((db, value: { clientId: string }) => db.selectFrom('clients').selectAll().where('client_id', '=', value.clientId))

/** The client with this id, also one that was revoked. */
export async function findClient(db: Handle, clientId: string): Promise<Client | undefined> {
  return (await byId(db, { clientId })).rows[0]
}

/** The newest clients, newest first, including those that were revoked; at most `limit` of them. */
export async function listClients(db: Handle, limit: number): Promise<Client[]> {
  return db.selectFrom('clients').selectAll().orderBy('created_at', 'desc').orderBy('client_id').limit(limit).execute()
}

/** Adds a client. */
export async function insertClient(db: Handle, client: Omit<Client, 'revoked_at'>): Promise<void> {
  await db.insertInto('clients').values(client).execute()
}

/** Revokes a client. Resolves to false when there is none with this id, or it had been revoked before. */
export async function revokeClientAt(db: Handle, clientId: string, revokedAt: number): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('clients')
    .set({ revoked_at: revokedAt })
    .where('client_id', '=', clientId)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  return numUpdatedRows > 0
}
