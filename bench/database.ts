import { createPublicKey, randomUUID } from 'node:crypto'
import { createSigner, createVerifier } from 'fast-jwt'
import type { Database } from '../db/database.ts'
import { openDatabase } from '../db/open.ts'
import { listSigningKeys } from '../db/signing-keys.ts'
import { insertUser, setUserActive } from '../db/users.ts'

/** fast-jwt with the signing key of the server's database, without the rest of the service. */
export interface Engine {
  /** The claims of a token. @throws when its signature is wrong */
  verify(token: string): Record<string, unknown>
  /** A token with these claims, but a `jti` and a `token_type` of its own. */
  signAccess(claims: object): string
  signRefresh(claims: object): string
}

export async function openEngine(url: string): Promise<Engine> {
  const { kid, key } = await withDatabase(url, signingKey)
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

async function signingKey({ read }: Database): Promise<{ kid: string; key: string }> {
  const [row] = await listSigningKeys(read)
  if (!row?.private_key) throw new Error('the database has no private key')
  return { kid: row.kid, key: row.private_key }
}

/** The password hash of the first user. */
export function passwordHash(url: string): Promise<string> {
  return withDatabase(url, firstHash)
}

async function firstHash({ read }: Database): Promise<string> {
  return (await read.selectFrom('users').select('password').orderBy('id').executeTakeFirstOrThrow()).password
}

/** Adds users, all with the first user's password: to register them would take as long as what is measured. */
export function insertUsers(url: string, names: readonly string[], isActive = true): Promise<void> {
  return withDatabase(url, async (db) => {
    const password = await firstHash(db)
    await db.write(async (handle) => {
      for (const name of names) {
        const id = await insertUser(handle, { username: name, username_key: name, password, created_at: 0 })
        if (!isActive) await setUserActive(handle, id, false)
      }
    })
  })
}

async function withDatabase<T>(url: string, work: (db: Database) => Promise<T>): Promise<T> {
  const db = await openDatabase(url)
  try {
    return await work(db)
  } finally {
    await db.close()
  }
}
