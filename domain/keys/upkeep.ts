import type { Handle } from '../../db/database.ts'
import type { SigningKeyRow } from '../../db/schema.ts'
import { deleteSigningKey, insertSigningKey, listSigningKeys, updateSigningKey } from '../../db/signing-keys.ts'
import { takeTurns } from '../../db/turns.ts'
import type { Core } from '../context.ts'
import { noOrigin, recordEvent } from '../events/record.ts'
import type { TokenType } from '../tokens/claims.ts'
import { type DueKey, dueChanges, dueKeys, type KeyChange } from './due.ts'
import { type GeneratedKey, generateAccessKey, generateRefreshKey } from './generate.ts'
import { isReadable, loadKey, SigningKeyError } from './load.ts'
import { isSecret, isUsable, keyRules, type Signing } from './schedule.ts'
import { type Secrets, SettingMismatch } from './secrets.ts'

/** What is done to keys needs their encryption, too. */
export type KeyCore = Core & { readonly secrets: Secrets }

/**
 * Does what is due: makes the keys that are missing, renews the leases of those that sign, lets the next one take over, encrypts what is
 * stored in plain, and removes what is not needed any more. Where several processes find the same due, one does it.
 *
 * @param rows as they were a moment ago
 * @param signing the keys that this process signs with
 * @returns whether anything was due
 */
export async function keepKeysUp(core: KeyCore, rows: readonly SigningKeyRow[], signing: Signing): Promise<boolean> {
  const due = missingKeys(core, rows, signing)
  if (due.length === 0 && allDue(core, rows, signing).length === 0) return false
  const spare = await makeKeys(core, due)
  await core.db.write(async (handle) => {
    await takeTurns(handle, 'signing keys')
    await applyDue(handle, core, signing)
    await insertMissing(handle, core, spare, signing)
  })
  return true
}

/** A key is also missing where this process can read none of those that may sign, because they are encrypted for other processes or damaged. */
function missingKeys({ config, clockWatch, secrets }: KeyCore, rows: readonly SigningKeyRow[], signing: Signing): DueKey[] {
  const atHand = rows.filter((row) => signing[row.use] !== undefined || isReadable(row, secrets))
  const { now, isSteady } = clockWatch.read()
  return dueKeys(atHand, keyRules(config), now, isSteady)
}

/** Makes keys before a transaction that may need them, for it must not wait for that. */
export function makeKeys({ config }: KeyCore, due: readonly Pick<DueKey, 'use'>[]): Promise<GeneratedKey[]> {
  const make = (use: TokenType) => (use === 'refresh' ? generateRefreshKey() : generateAccessKey(config.jwtAlgorithm, config.jwtSecret))
  return Promise.all(due.map(({ use }) => make(use)))
}

/** Adds the keys that are missing, in a transaction, from those that were made before it. Where these are too few, the next upkeep adds the rest. */
export async function insertMissing(handle: Handle, core: KeyCore, spare: readonly GeneratedKey[], signing: Signing): Promise<void> {
  const left = [...spare]
  for (const { use, signsFrom } of missingKeys(core, await listSigningKeys(handle), signing)) {
    const at = left.findIndex((key) => key.use === use)
    const [key] = at < 0 ? [] : left.splice(at, 1)
    if (key !== undefined) await insertKey(handle, core, key, signsFrom)
  }
}

/** Brings the keys that are there up to date, in a transaction. */
export async function applyDue(handle: Handle, core: KeyCore, signing: Signing): Promise<void> {
  for (const { kid, change } of allDue(core, await listSigningKeys(handle), signing)) {
    if (change === 'delete') await deleteSigningKey(handle, kid)
    else await updateSigningKey(handle, kid, change)
  }
}

function allDue({ config, secrets, clockWatch }: KeyCore, rows: readonly SigningKeyRow[], signing: Signing): KeyChange[] {
  const renewed = rows.flatMap((row) => {
    const { kid, private_key: stored } = row
    const text = stored === null ? undefined : secrets.renew(stored, kid)
    // What is damaged may look like a plain text. It must stay as it is, so that it can be mended.
    return text === undefined || !isReadable(row, secrets) ? [] : { kid, change: { private_key: text } }
  })
  const { now, isSteady } = clockWatch.read()
  return [...renewed, ...dueChanges(rows, keyRules(config), signing, now, isSteady)]
}

/** Adds a key in a transaction. `signsFrom` is an instant, or `NOT_YET`. */
export async function insertKey(
  handle: Handle,
  { config, clock, secrets }: KeyCore,
  { kid, use, algorithm, privateKey, publicKey }: GeneratedKey,
  signsFrom: number,
): Promise<void> {
  const now = clock()
  await insertSigningKey(handle, {
    kid,
    use,
    refresh_until: null,
    algorithm,
    private_key: privateKey && secrets.seal(privateKey, kid),
    public_key: publicKey,
    created_at: now,
    signs_from: signsFrom,
    used_at: now,
    token_ttl: keyRules(config).ttlSeconds[use],
    retired_at: null,
  })
  await recordEvent(handle, now, noOrigin, { kind: 'key_created', subject: kid })
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
    if (rules.algorithm === 'HS256' && isSecret(row) && row.kid === rules.secretKid && row.retired_at !== null) {
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
