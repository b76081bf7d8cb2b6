import { createPublicKey, randomUUID } from 'node:crypto'
import { createSigner, createVerifier } from 'fast-jwt'
import type { Database } from '../db/database.ts'
import { openDatabase } from '../db/open.ts'
import { listSigningKeys } from '../db/signing-keys.ts'
import { insertUser, updateUser } from '../db/users.ts'
import type { TokenType } from '../domain/tokens/claims.ts'

/** fast-jwt with the signing keys of the server's database, without the rest of the service. */
export interface Engine {
  /** The claims of a token. @throws when its signature is wrong */
  verifyAccess(token: string): Record<string, unknown>
  verifyRefresh(token: string): Record<string, unknown>
  /** A token with these claims, but a `jti` and a `token_type` of its own. */
  signAccess(claims: object): string
  signRefresh(claims: object): string
}

export async function openEngine(url: string): Promise<Engine> {
  const keys = await withDatabase(url, signingKeys)
  const publicKey = createPublicKey(keys.access.key).export({ type: 'spki', format: 'pem' }) as string
  const signer = (token_type: TokenType, algorithm: 'ES256' | 'HS256') => {
    const sign = createSigner({ ...keys[token_type], algorithm, header: { alg: algorithm, typ: 'JWT' } })
    return (claims: object) => sign({ ...claims, token_type, jti: randomUUID().replaceAll('-', '') })
  }
  return {
    verifyAccess: createVerifier({ key: publicKey, algorithms: ['ES256'], cache: false }),
    verifyRefresh: createVerifier({ key: keys.refresh.key, algorithms: ['HS256'], cache: false }),
    signAccess: signer('access', 'ES256'),
    signRefresh: signer('refresh', 'HS256'),
  }
}

async function signingKeys({ read }: Database): Promise<Record<TokenType, { kid: string; key: string }>> {
  const rows = await listSigningKeys(read)
  const keyOf = (use: TokenType) => {
    const row = rows.find((one) => one.use === use && one.signs_from <= Date.now())
    if (!row?.private_key) throw new Error(`the database has no key of ${use} tokens`)
    return { kid: row.kid, key: row.private_key }
  }
  return { access: keyOf('access'), refresh: keyOf('refresh') }
}

/** The password hash of the first user. */
export function passwordHash(url: string): Promise<string> {
  return withDatabase(url, firstHash)
}

async function firstHash({ read }: Database): Promise<string> {
  return (await read.selectFrom('users').select('password').orderBy('id').executeTakeFirstOrThrow()).password
}

async function hashOf(username: string, { read }: Database): Promise<string> {
  return (await read.selectFrom('users').select('password').where('username', '=', username).executeTakeFirstOrThrow()).password
}

/**
 * Adds users, all with the password of one, who is the first unless named: to register them would take as long as what is measured.
 */
export function insertUsers(url: string, names: readonly string[], isActive = true, like?: string): Promise<void> {
  return withDatabase(url, async (db) => {
    const password = await (like === undefined ? firstHash(db) : hashOf(like, db))
    await db.write(async (handle) => {
      for (const name of names) {
        const id = await insertUser(handle, { username: name, username_key: name, password, created_at: 0 })
        if (!isActive) await updateUser(handle, id, { is_active: 0 }, 0)
      }
    })
  })
}

/** Adds users with these texts as their hashes. */
export function insertUsersWith(url: string, users: readonly { readonly name: string; readonly password: string }[]): Promise<void> {
  return withDatabase(url, (db) =>
    db.write(async (handle) => {
      for (const { name, password } of users) await insertUser(handle, { username: name, username_key: name, password, created_at: 0 })
    }),
  )
}

/** Does some work on a database of the bench. */
export async function withDatabase<T>(url: string, work: (db: Database) => Promise<T>): Promise<T> {
  const db = await openDatabase(url)
  try {
    return await work(db)
  } finally {
    await db.close()
  }
}
