import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { findClient, insertClient, revokeClientAt } from '../../db/clients.ts'
import type { Database } from '../../db/database.ts'
import type { Client } from '../../db/schema.ts'
import type { Clock } from '../clock.ts'
import { noOrigin, recordEvent } from '../events/record.ts'
import { isStorable } from '../text.ts'

export interface ClientContext {
  readonly db: Database
  readonly clock: Clock
}

/** What a client authenticates with (RFC 6749 §2.3.1). Neither part changes when it is form-urlencoded. */
export interface ClientCredentials {
  readonly clientId: string
  readonly clientSecret: string
}

const ID_BYTES = 16
const SECRET_BYTES = 32

/** Makes a client, and its secret, which nothing tells again: only its hash is kept. */
export async function createClient({ db, clock }: ClientContext, name: string): Promise<ClientCredentials> {
  const clientId = randomBytes(ID_BYTES).toString('hex')
  const clientSecret = randomBytes(SECRET_BYTES).toString('base64url')
  const now = clock()
  await db.write(async (handle) => {
    await insertClient(handle, { client_id: clientId, name, secret_hash: digest(clientSecret).toString('hex'), created_at: now })
    await recordEvent(handle, now, noOrigin, { kind: 'client_created', subject: clientId })
  })
  return { clientId, clientSecret }
}

/**
 * Withdraws a client: from now on it is refused everywhere. One that was withdrawn before keeps its time.
 *
 * @returns the client, or undefined when there is none of this id
 */
export async function revokeClient({ db, clock }: ClientContext, clientId: string): Promise<Client | undefined> {
  const now = clock()
  return db.write(async (handle) => {
    const isRevokedNow = await revokeClientAt(handle, clientId, now)
    if (isRevokedNow) await recordEvent(handle, now, noOrigin, { kind: 'client_revoked', subject: clientId })
    return findClient(handle, clientId)
  })
}

/** In the place of the hash of a client that does not exist: of no secret, for nobody knows what hashes to it. */
const nobodysHash = '0'.repeat(64)

/** Whether these are the credentials of a client that was not revoked. Whatever is wrong costs the same work. */
export async function isClient({ db }: Pick<ClientContext, 'db'>, { clientId, clientSecret }: ClientCredentials): Promise<boolean> {
  const client = await findClient(db.read, isStorable(clientId) ? clientId : '')
  const stored = Buffer.from(client?.secret_hash ?? nobodysHash, 'hex')
  return timingSafeEqual(digest(clientSecret), stored) && client?.revoked_at === null
}

/**
 * A password is hashed slowly because it can be guessed. A secret of 256 random bits cannot, however fast the hash: so
 * SHA-256, which costs an introspection next to nothing.
 */
function digest(clientSecret: string): Buffer {
  return hash('sha256', clientSecret, 'buffer')
}
