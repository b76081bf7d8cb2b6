import { createCipheriv, createDecipheriv, hash, randomBytes } from 'node:crypto'
import type { Config } from '../../config.ts'

/** A setting that does not fit what is in the database. The message names it, never its value. */
export class SettingMismatch extends Error {}

/** NIST SP 800-38D §8.2.2: a random nonce of 96 bits, safe for 2^32 encryptions with one key. */
const NONCE_BYTES = 12
const TAG_BYTES = 16
/** Of whatever version. A text that is stored in plain does not begin so. */
const VERSION = /^v\d+\./
const SEALED = /^v1\.([\w-]{11})\.([\w-]{16})\.([\w-]+)$/

interface NamedKey {
  readonly id: string
  readonly key: Buffer
}

/** One encryption of a stored text, and the id of the key it was made with. */
interface Sealing {
  readonly id: string
  readonly nonce: Buffer
  readonly sealed: Buffer
}

/**
 * Encrypts secrets that the database stores, with AES-256-GCM under `SECRETS_KEY`, and decrypts them.
 *
 * A stored text is plain where no key is set. Else it is one or two encryptions of the same text with a space between, each
 * `v1.<key id>.<nonce>.<ciphertext and tag>` in base64url. There are two while the key is being changed, so that processes
 * which have only the old one can start and go on. Each encryption is bound to its owner, so it cannot be moved to another row.
 *
 * An owner names what a secret belongs to. It is the same when the secret is sealed and when it is opened, and no other
 * secret has it: the `kid` of a signing key.
 */
export class Secrets {
  readonly #current: NamedKey | undefined
  readonly #previous: NamedKey | undefined

  constructor({ secretsKey, secretsKeyPrevious }: Pick<Config, 'secretsKey' | 'secretsKeyPrevious'>) {
    this.#current = named(secretsKey)
    this.#previous = named(secretsKeyPrevious)
  }

  /**
   * The text as it is to be stored: encrypted with each key that is set, or plain when none is.
   *
   * @throws {Error} for a text that would be taken for an encrypted one when it is stored in plain
   */
  seal(text: string, owner: string): string {
    const keys = [this.#current, this.#previous].filter((key) => key !== undefined)
    if (keys.length === 0 && !isPlain(text)) throw new Error('a secret that begins like an encrypted one cannot be stored in plain')
    return keys.length === 0 ? text : keys.map((key) => encrypt(key, text, owner)).join(' ')
  }

  /**
   * The text that was stored.
   *
   * @throws {SettingMismatch} when it is encrypted with another key than those that are set
   * @throws {Error} when it has been damaged, or belongs to another owner
   */
  open(stored: string, owner: string): string {
    if (isPlain(stored)) return stored
    const sealings = parse(stored)
    if (sealings.length === 0) throw new Error('it is encrypted in a form that this version does not know')
    for (const key of [this.#current, this.#previous]) {
      const sealing = sealings.find(({ id }) => id === key?.id)
      if (key && sealing) return decrypt(key, sealing, owner)
    }
    throw new SettingMismatch(this.#whatIsMissing())
  }

  /**
   * A stored text as it is to be stored from now on; undefined when it may stay, or cannot be read. It may not stay when it is
   * plain, or is not encrypted with the current key, or is still encrypted with the old one although that is no longer set. A
   * process that has only the old key leaves alone what others have encrypted with both.
   */
  renew(stored: string, owner: string): string | undefined {
    if (!this.#isStale(stored)) return undefined
    try {
      return this.seal(this.open(stored, owner), owner)
    } catch {
      return undefined
    }
  }

  #isStale(stored: string): boolean {
    if (this.#current === undefined) return false
    const ids = parse(stored).map(({ id }) => id)
    if (!ids.includes(this.#current.id)) return true
    return ids.length > 1 && ids[0] === this.#current.id && this.#previous === undefined
  }

  #whatIsMissing(): string {
    const stored = 'the secrets of the database are encrypted'
    if (this.#current === undefined) return `SECRETS_KEY is not set, and ${stored}`
    const neither = this.#previous ? ', and SECRETS_KEY_PREVIOUS is not it either' : '; the old one can be given as SECRETS_KEY_PREVIOUS'
    return `SECRETS_KEY is not the key that ${stored} with${neither}`
  }
}

/** Identifies a key, and reveals nothing of it. */
function named(key: Buffer | undefined): NamedKey | undefined {
  return (
    key && { key, id: hash('sha256', Buffer.concat([Buffer.from('latchkey secrets key id\0'), key]), 'buffer').toString('base64url', 0, 8) }
  )
}

function isPlain(stored: string): boolean {
  return !VERSION.test(stored)
}

/** The encryptions of a stored text; none for a text in another form. */
function parse(stored: string): Sealing[] {
  return stored.split(' ').flatMap((text) => {
    const [, id = '', nonce = '', sealed = ''] = SEALED.exec(text) ?? []
    return id === '' ? [] : { id, nonce: Buffer.from(nonce, 'base64url'), sealed: Buffer.from(sealed, 'base64url') }
  })
}

function encrypt({ id, key }: NamedKey, text: string, owner: string): string {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(owner))
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
  return `v1.${id}.${nonce.toString('base64url')}.${sealed.toString('base64url')}`
}

function decrypt({ key }: NamedKey, { nonce, sealed }: Sealing, owner: string): string {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(owner))
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()]).toString()
  } catch (error) {
    throw new Error('its encryption is damaged, or was made for another row', { cause: error })
  }
}
