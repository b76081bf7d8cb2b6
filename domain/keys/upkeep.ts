import type { Handle } from '../../db/database.ts'
import type { SigningKeyRow } from '../../db/schema.ts'
import { deleteSigningKey, insertSigningKey, listSigningKeys, updateSigningKey } from '../../db/signing-keys.ts'
import { takeTurn } from '../../db/turns.ts'
import type { Core } from '../context.ts'
import { noOrigin, recordEvent } from '../events/record.ts'
import { type GeneratedKey, generateKey } from './generate.ts'
import { isReadable, loadKey, SigningKeyError } from './load.ts'
import { dueChanges, isKeyDue, isUsable, type KeyChange, keyRules, maySign, signsFrom } from './schedule.ts'
import { type Secrets, SettingMismatch } from './secrets.ts'

/** What is done to keys needs their encryption, too. */
export type KeyCore = Core & { readonly secrets: Secrets }

/**
 * Does what is due: makes the next key, renews the lease of the one that signs, encrypts what is stored in plain, and removes
 * what is not needed any more. Where several processes find the same due, one does it.
 *
 * @param rows as they were a moment ago
 * @param signingKid the key that this process signs with
 * @returns whether anything was due
 */
export async function keepKeysUp(core: KeyCore, rows: readonly SigningKeyRow[], signingKid: string | undefined): Promise<boolean> {
  const { jwtAlgorithm, jwtSecret } = core.config
  const isDue = isNewKeyDue(core, rows, signingKid)
  if (!isDue && allDue(core, rows, signingKid).length === 0) return false
  const fresh = isDue ? await generateKey(jwtAlgorithm, jwtSecret) : undefined
  await core.db.write(async (handle) => {
    await takeTurn(handle, 'signing keys')
    await applyDue(handle, core, signingKid)
    const now = await listSigningKeys(handle)
    if (fresh && isNewKeyDue(core, now, signingKid)) await insertKey(handle, core, fresh, now)
  })
  return true
}

/** A new key is also due where this process can read none of those that may sign, because they are encrypted for other processes or damaged. */
function isNewKeyDue({ config, clock, secrets }: KeyCore, rows: readonly SigningKeyRow[], signingKid: string | undefined): boolean {
  const rules = keyRules(config)
  if (isKeyDue(rows, rules, clock())) return true
  if (signingKid !== undefined || rules.algorithm === 'HS256') return false
  return !rows.some((row) => maySign(row, rules) && isReadable(row, secrets))
}

/** Brings the keys that are there up to date, in a transaction. */
export async function applyDue(handle: Handle, core: KeyCore, signingKid: string | undefined): Promise<void> {
  for (const { kid, change } of allDue(core, await listSigningKeys(handle), signingKid)) {
    if (change === 'delete') await deleteSigningKey(handle, kid)
    else await updateSigningKey(handle, kid, change)
  }
}

function allDue({ config, secrets, clock }: KeyCore, rows: readonly SigningKeyRow[], signingKid: string | undefined): KeyChange[] {
  const renewed = rows.flatMap((row) => {
    const { kid, private_key: stored } = row
    const text = stored === null ? undefined : secrets.renew(stored, kid)
    // What is damaged may look like a plain text. It must stay as it is, so that it can be mended.
    return text === undefined || !isReadable(row, secrets) ? [] : { kid, change: { private_key: text } }
  })
  return [...renewed, ...dueChanges(rows, keyRules(config), signingKid, clock())]
}

/** Adds a key in a transaction. `signs_from` of the row it returns says when it begins to sign. */
export async function insertKey(
  handle: Handle,
  { config, clock, secrets }: KeyCore,
  { kid, algorithm, privatePem, publicPem }: GeneratedKey,
  rows: readonly SigningKeyRow[],
): Promise<SigningKeyRow> {
  const rules = keyRules(config)
  const now = clock()
  const begin = signsFrom(rows, rules, now)
  const row: SigningKeyRow = {
    kid,
    algorithm,
    private_key: privatePem && secrets.seal(privatePem, kid),
    public_key: publicPem,
    created_at: now,
    signs_from: begin,
    // A process that signs with it only briefly may never write a lease.
    used_at: begin,
    token_ttl: rules.tokenTtlSeconds,
    retired_at: null,
  }
  await insertSigningKey(handle, row)
  await recordEvent(handle, now, noOrigin, { kind: 'key_created', subject: kid })
  return row
}

/**
 * Checks at the start that the settings and the keys of the database fit, before a token is signed or refused with them.
 *
 * @throws {SettingMismatch} when `SECRETS_KEY` or `JWT_SECRET` is not the one that is needed
 * @throws {SigningKeyError} when a key cannot be read
 */
export function checkKeys(rows: readonly SigningKeyRow[], { config, secrets }: Pick<KeyCore, 'config' | 'secrets'>): void {
  const rules = keyRules(config)
  for (const row of rows) {
    if (row.algorithm === rules.algorithm && row.kid === rules.secretKid && row.retired_at !== null) {
      throw new SettingMismatch('JWT_SECRET is a key that has been retired: set another one for JWT_ALGORITHM=HS256')
    }
    if (!isUsable(row, rules)) continue
    if (row.private_key !== null) openPrivateKey(row.private_key, row.kid, secrets)
    loadKey(row, secrets, config.jwtSecret)
  }
}

function openPrivateKey(stored: string, kid: string, secrets: Secrets): void {
  try {
    secrets.open(stored, kid)
  } catch (error) {
    if (error instanceof SettingMismatch) throw error
    throw new SigningKeyError(`signing key ${kid} of the database cannot be read: ${(error as Error).message}`)
  }
}
