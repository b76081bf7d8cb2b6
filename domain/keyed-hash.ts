import { createHmac, randomBytes } from 'node:crypto'
import type { Handle } from '../db/database.ts'
import { deleteSecret, findSecret, insertSecret, replaceSecret } from '../db/secrets.ts'
import type { Core } from './context.ts'
import { SigningKeyError } from './keys/load.ts'
import { type Secrets, SettingMismatch } from './keys/secrets.ts'
import { composed } from './names.ts'

type SecretCore = Pick<Core, 'db'> & { readonly secrets: Secrets }

/** The row of the table, and what its encryption is bound to: no `kid` of a signing key looks like it. */
const NAME = 'keyed-hash'
const OWNER = 'secret keyed-hash'
const KEY_BYTES = 32
const HASH_BYTES = 16

/**
 * Hashes texts that are compared and never read: who has a copy of the database without `SECRETS_KEY` cannot try guesses at them, as with a
 * plain hash. All processes on a database hash alike.
 */
export class KeyedHash {
  readonly #key: Buffer

  /** @param key 256 random bits */
  constructor(key: Buffer) {
    this.#key = key
  }

  /** HMAC-SHA-256 (RFC 2104) of a text, cut to 128 bits as RFC 2104 §5 allows, in base64url: 22 characters. */
  hash(text: string): string {
    return createHmac('sha256', this.#key).update(text).digest().toString('base64url', 0, HASH_BYTES)
  }
}

/** The hash of a name that is no user's, as events keep it: the same for all Unicode forms of the name. */
export function hashOfName(keyedHash: KeyedHash, name: string): string {
  return keyedHash.hash(`name\0${composed(name)}`)
}

/**
 * The hash with the key of the database. It is made where there is none, and encrypted again where `SECRETS_KEY` has changed, as signing
 * keys are.
 *
 * @throws {SettingMismatch} when it is encrypted with another key than those that are set
 * @throws {SigningKeyError} when it has been damaged
 */
export async function openKeyedHash({ db, secrets }: SecretCore): Promise<KeyedHash> {
  const stored = (await findSecret(db.read, NAME)) ?? (await make({ db, secrets }))
  const key = open(secrets, stored)
  const renewed = secrets.renew(stored, OWNER)
  if (renewed !== undefined) await db.write((handle) => replaceSecret(handle, NAME, stored, renewed))
  return new KeyedHash(key)
}

/** Makes the key unless another process was faster; resolves to what is stored then. */
function make({ db, secrets }: SecretCore): Promise<string> {
  const made = secrets.seal(randomBytes(KEY_BYTES).toString('base64url'), OWNER)
  return db.write(async (handle) => {
    await insertSecret(handle, NAME, made)
    return (await findSecret(handle, NAME)) as string
  })
}

function open(secrets: Secrets, stored: string): Buffer {
  try {
    const key = Buffer.from(secrets.open(stored, OWNER), 'base64url')
    if (key.length !== KEY_BYTES) throw new Error('it is no key')
    return key
  } catch (error) {
    if (error instanceof SettingMismatch) throw error
    throw new SigningKeyError(`the key of hashes of the database cannot be read: ${(error as Error).message}`)
  }
}

/** Why the key of the database cannot be used, in a line; nothing where there is none yet. */
export async function faultsOfKeyedHash(read: Handle, secrets: Secrets): Promise<string[]> {
  const stored = await findSecret(read, NAME)
  if (stored === undefined) return []
  try {
    open(secrets, stored)
    return []
  } catch (error) {
    return [(error as Error).message]
  }
}

/** Deletes the key where this process cannot decrypt it, because `SECRETS_KEY` was lost: the next start makes another. */
export async function forgetIfSealedOtherwise({ db, secrets }: SecretCore): Promise<void> {
  const stored = await findSecret(db.read, NAME)
  if (stored === undefined) return
  try {
    secrets.open(stored, OWNER)
  } catch (error) {
    if (!(error instanceof SettingMismatch)) throw error
    await db.write((handle) => deleteSecret(handle, NAME, stored))
  }
}
