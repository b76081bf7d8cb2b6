import { createPublicKey, randomUUID } from 'node:crypto'
import SQLite from 'better-sqlite3'
import { createSigner, createVerifier } from 'fast-jwt'
import { openSqliteDatabase } from '../db/sqlite/database.ts'
import { createClient } from '../domain/accounts/clients.ts'

/** The signing key of the server's database, in the hands of the engine alone. */
export interface Engine {
  /** The claims of a token with a good signature. */
  verify(token: string): Record<string, unknown>
  /** Tokens of the same claims, but another `jti`. */
  signAccess(claims: object): string
  signRefresh(claims: object): string
}

export function openEngine(file: string): Engine {
  const { kid, private_key: key } = select(file, 'select kid, private_key from signing_keys') as { kid: string; private_key: string }
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'pem' }) as string
  const signer = (token_type: string, typ: string) => {
    const sign = createSigner({ key, algorithm: 'ES256', kid, header: { alg: 'ES256', typ } })
    return (claims: object) => sign({ ...claims, token_type, jti: randomUUID().replaceAll('-', '') })
  }
  return {
    verify: createVerifier({ key: publicKey, algorithms: ['ES256'], cache: false }),
    signAccess: signer('access', 'at+jwt'),
    signRefresh: signer('refresh', 'JWT'),
  }
}

/** The password hash of the first user. */
export function passwordHash(file: string): string {
  return (select(file, 'select password from users order by id') as { password: string }).password
}

/** What a client of the service's own API authenticates with, in the body (RFC 6749 §2.3.1). */
export interface ClientMembers {
  readonly client_id: string
  readonly client_secret: string
}

/** Makes a client, as the operator's command does beside the server. */
export async function makeClient(file: string): Promise<ClientMembers> {
  const db = await openSqliteDatabase(file)
  const { clientId: client_id, clientSecret: client_secret } = await createClient({ db, clock: Date.now }, 'bench')
  await db.close()
  return { client_id, client_secret }
}

/** Adds users with the one user's hash: to register them one by one would take as long as to measure something. */
export function insertUsers(file: string, names: readonly string[], isActive = true): void {
  const hash = passwordHash(file)
  const database = new SQLite(file)
  const insert = database.prepare('insert into users (username, username_key, password, is_active, created_at) values (?, ?, ?, ?, 0)')
  database.transaction(() => {
    for (const name of names) insert.run(name, name, hash, Number(isActive))
  })()
  database.close()
}

function select(file: string, sql: string): unknown {
  const database = new SQLite(file, { readonly: true })
  try {
    return database.prepare(sql).get()
  } finally {
    database.close()
  }
}
