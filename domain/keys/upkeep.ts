import type { Database, Handle } from '../../db/database.ts'
import type { SigningKeyRow } from '../../db/schema.ts'
import { deleteSigningKey, insertSigningKey, listSigningKeys, updateSigningKey } from '../../db/signing-keys.ts'
import type { Clock } from '../clock.ts'
import { noOrigin, recordEvent } from '../events/record.ts'
import { type GeneratedKey, generateKey } from './generate.ts'
import { loadKey, SigningKeyError } from './load.ts'
import {
  dueChanges,
  isKeyDue,
  isUsable,
  type KeyChange,
  type KeyRules,
  keyRules,
  maySign,
  type RotationSettings,
  signsFrom,
} from './schedule.ts'
import { Secrets, type SecretsSettings, SettingMismatch } from './secrets.ts'

export type KeySettings = RotationSettings & SecretsSettings

/** What the rules of keys work with. */
export interface KeyContext {
  readonly db: Database
  readonly config: KeySettings
  readonly clock: Clock
}

/** The same, made ready once. */
export interface KeyTools {
  readonly db: Database
  readonly clock: Clock
  readonly rules: KeyRules
  readonly secrets: Secrets
  /** `JWT_SECRET`. */
  readonly secret: string | undefined
}

export function keyTools({ db, config, clock }: KeyContext): KeyTools {
  return { db, clock, rules: keyRules(config), secrets: new Secrets(config), secret: config.jwtSecret }
}

/**
 * Does what is due: makes the next key, says which one is in use, encrypts what is to be encrypted, removes what is not
 * needed any more. Of several processes that find the same due, one does it.
 *
 * @param rows as they were a moment ago
 * @param signingKid the key that this process signs with
 * @returns whether anything was due
 */
export async function keepKeysUp(tools: KeyTools, rows: readonly SigningKeyRow[], signingKid: string | undefined): Promise<boolean> {
  const { db, rules, secret } = tools
  const isDue = isNewKeyDue(tools, rows, signingKid)
  if (!isDue && allDue(tools, rows, signingKid).length === 0) return false
  const fresh = isDue ? await generateKey(rules.algorithm, secret) : undefined
  await db.write(async (handle) => {
    await applyDue(handle, tools, signingKid)
    const now = await listSigningKeys(handle)
    if (fresh && isNewKeyDue(tools, now, signingKid)) await insertKey(handle, tools, fresh, now)
  })
  return true
}

/** Also where a key was encrypted for others, and the last one that this process can read was retired: better its own than none. */
function isNewKeyDue(tools: KeyTools, rows: readonly SigningKeyRow[], signingKid: string | undefined): boolean {
  const { rules, clock } = tools
  if (isKeyDue(rows, rules, clock())) return true
  if (signingKid !== undefined || rules.algorithm === 'HS256') return false
  return !rows.some((row) => maySign(row, rules) && isReadable(row, tools))
}

function isReadable({ kid, private_key }: SigningKeyRow, { secrets }: KeyTools): boolean {
  try {
    secrets.open(private_key as string, kid)
    return true
  } catch {
    return false
  }
}

/** Brings the keys that are there up to date, in a transaction. */
export async function applyDue(handle: Handle, tools: KeyTools, signingKid: string | undefined): Promise<void> {
  for (const { kid, change } of allDue(tools, await listSigningKeys(handle), signingKid)) {
    if (change === 'delete') await deleteSigningKey(handle, kid)
    else await updateSigningKey(handle, kid, change)
  }
}

function allDue({ rules, secrets, clock }: KeyTools, rows: readonly SigningKeyRow[], signingKid: string | undefined): KeyChange[] {
  const renewed = rows.flatMap(({ kid, private_key: stored }) => {
    const text = stored === null ? undefined : secrets.renew(stored, kid)
    return text === undefined ? [] : { kid, change: { private_key: text } }
  })
  return [...renewed, ...dueChanges(rows, rules, signingKid, clock())]
}

/** Adds a key in a transaction; it signs as soon as it may. */
export async function insertKey(
  handle: Handle,
  { clock, rules, secrets }: KeyTools,
  { kid, algorithm, privatePem, publicPem }: GeneratedKey,
  rows: readonly SigningKeyRow[],
): Promise<SigningKeyRow> {
  const now = clock()
  const begin = signsFrom(rows, rules, now)
  const row: SigningKeyRow = {
    kid,
    algorithm,
    private_key: privatePem && secrets.seal(privatePem, kid),
    public_key: publicPem,
    created_at: now,
    signs_from: begin,
    // Processes that sign with it for a moment only may never say so.
    used_at: begin,
    token_ttl: rules.tokenTtlSeconds,
    retired_at: null,
  }
  await insertSigningKey(handle, row)
  await recordEvent(handle, now, noOrigin, { kind: 'key_created', subject: kid })
  return row
}

/**
 * Sees to it that the settings and the keys of the database fit, before anything is done with them.
 *
 * @throws {SettingMismatch} when `SECRETS_KEY` or `JWT_SECRET` is not the one that is needed
 * @throws {SigningKeyError} when a key cannot be read
 */
export function checkKeys(rows: readonly SigningKeyRow[], { rules, secrets, secret }: KeyTools): void {
  for (const row of rows) {
    if (row.algorithm === rules.algorithm && row.kid === rules.secretKid && row.retired_at !== null) {
      throw new SettingMismatch('JWT_SECRET is a key that has been retired, and JWT_ALGORITHM=HS256 wants another one there')
    }
    if (!isUsable(row, rules)) continue
    if (row.private_key !== null) openPrivateKey(row.private_key, row.kid, secrets)
    loadKey(row, secrets, secret)
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
