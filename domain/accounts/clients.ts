import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { findClient, insertClient, revokeClientAt } from '../../db/clients.ts'
import type { Client } from '../../db/schema.ts'
import type { Core } from '../context.ts'
import { noOrigin, recordEvent } from '../events/record.ts'
import { isStorable } from '../text.ts'

/** What a client authenticates with (RFC 6749 §2.3.1). Neither part changes when it is form-urlencoded. */
export interface ClientCredentials {
  readonly clientId: string
  readonly clientSecret: string
}

const ID_BYTES = 16
const SECRET_BYTES = 32

/** Makes a client and its secret. Only the secret's hash is kept, so this is the one time it can be shown. */
export async function createClient({ db, clock }: Pick<Core, 'db' | 'clock'>, name: string): Promise<ClientCredentials> {
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
export async function revokeClient({ db, clock }: Pick<Core, 'db' | 'clock'>, clientId: string): Promise<Client | undefined> {
  const now = clock()
  return db.write(async (handle) => {
    const isRevokedNow = await revokeClientAt(handle, clientId, now)
    if (isRevokedNow) await recordEvent(handle, now, noOrigin, { kind: 'client_revoked', subject: clientId })
    return findClient(handle, clientId)
  })
}

/** Compared with when there is no such client, so that unknown ids cost the same work. No known input has this hash. */
const UNKNOWN_CLIENT_HASH = '0'.repeat(64)

/** Whether these are the credentials of a client that was not revoked. An unknown client costs the same work as a wrong secret. */
export async function isClient({ db }: Pick<Core, 'db'>, { clientId, clientSecret }: ClientCredentials): Promise<boolean> {
  const client = await findClient(db.read, isStorable(clientId) ? clientId : '')
  const stored = Buffer.from(client?.secret_hash ?? UNKNOWN_CLIENT_HASH, 'hex')
  return timingSafeEqual(digest(clientSecret), stored) && client?.revoked_at === null
}

/**
 * A password must be hashed slowly because it can be guessed. A secret of 256 random bits cannot be guessed, so a fast hash
 * is enough, and introspection stays cheap.
 */
function digest(clientSecret: string): Buffer {
  return hash('sha256', clientSecret, 'buffer')
}
