import type { Opening } from '../db/database.ts'
import { openDatabase } from '../db/open.ts'
import { createClient } from '../domain/accounts/clients.ts'

/** The members of a body with which a client authenticates (RFC 6749 §2.3.1). */
export interface ClientMembers {
  readonly client_id: string
  readonly client_secret: string
}

/** Makes a client, as the operator's command does while the server runs. */
export async function makeClient(databaseUrl: string, opening?: Opening): Promise<ClientMembers> {
  const db = await openDatabase(databaseUrl, opening)
  const { clientId: client_id, clientSecret: client_secret } = await createClient({ db, clock: Date.now }, 'bench')
  await db.close()
  return { client_id, client_secret }
}
