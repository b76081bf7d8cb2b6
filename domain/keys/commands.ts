import type { Handle } from '../../db/database.ts'
import type { SigningKeyRow } from '../../db/schema.ts'
import { listSigningKeys, updateSigningKey } from '../../db/signing-keys.ts'
import { takeTurn } from '../../db/turns.ts'
import type { Core } from '../context.ts'
import { noOrigin, recordEvent } from '../events/record.ts'
import { generateKey } from './generate.ts'
import { isUsable, keyRules, lastExpiry, maySign, signingKey } from './schedule.ts'
import { applyDue, checkKeys, insertKey, type KeyCore } from './upkeep.ts'

// What the operator can do to the keys. Running services see a change within a second.

/**
 * - `pending`: published, and signs from `signsFrom` on;
 * - `signing`: signs new tokens, with `JWT_ALGORITHM`;
 * - `verifying`: signs no more, but verifies the tokens that it has signed;
 * - `ended`: its last token has expired;
 * - `retired`: withdrawn by the operator, with all its tokens.
 */
export type KeyState = 'pending' | 'signing' | 'verifying' | 'ended' | 'retired'

/** A key as the operator sees it. Instants are milliseconds since the epoch. */
export interface KeyInfo {
  readonly kid: string
  readonly algorithm: string
  readonly state: KeyState
  readonly createdAt: number
  readonly signsFrom: number
  /** When the last token that it can have signed so far expires, or is refused because the key is retired. */
  readonly verifiesUntil: number
  readonly retiredAt: number | null
}

/** What the operator asked for cannot be done. The message says why, and what to do. */
export class KeyCommandError extends Error {}

/** All keys, newest first. */
export async function listKeys(core: Core): Promise<KeyInfo[]> {
  const rows = await listSigningKeys(core.db.read)
  return rows.map((row) => infoOf(row, rows, core))
}

/**
 * Makes a new key, which signs once it has been published long enough: `signsFrom` says when.
 *
 * @throws {KeyCommandError} for `HS256`
 * @throws {SettingMismatch} when the services would not be able to read it
 */
export async function rotateKeys(core: KeyCore): Promise<KeyInfo> {
  const { db, config } = core
  if (config.jwtAlgorithm === 'HS256') throw new KeyCommandError('the key of HS256 is JWT_SECRET: set another one there')
  checkKeys(await listSigningKeys(db.read), core)
  const fresh = await generateKey(config.jwtAlgorithm, config.jwtSecret)
  return db.write(async (handle) => {
    await takeTurn(handle, 'signing keys')
    const row = await insertKey(handle, core, fresh, await listSigningKeys(handle))
    return infoOf(row, await listSigningKeys(handle), core)
  })
}

/** A key that was retired, and the key that signs now. */
export interface Retirement {
  readonly retired: KeyInfo
  readonly signing: KeyInfo | undefined
}

/**
 * Withdraws a key whose private part somebody else may have: none of its tokens is accepted any more. Where no other key
 * may sign, a new one is made, and signs at once.
 *
 * It does not check `SECRETS_KEY`: when that is lost, retiring all keys is how to go on.
 *
 * @throws {KeyCommandError} for an unknown key, and for a secret that signs
 */
export async function retireKey(core: KeyCore, kid: string): Promise<Retirement> {
  const { jwtAlgorithm, jwtSecret } = core.config
  if (jwtAlgorithm === 'HS256' && kid === keyRules(core.config).secretKid) {
    throw new KeyCommandError(`${kid} is JWT_SECRET, which signs: set another one there instead`)
  }
  const fresh = jwtAlgorithm === 'HS256' ? undefined : await generateKey(jwtAlgorithm, jwtSecret)
  return core.db.write(async (handle) => {
    await takeTurn(handle, 'signing keys')
    // An older key whose tokens have all expired is published no more: it must not sign again.
    await applyDue(handle, core, signing(await listSigningKeys(handle), core)?.kid)
    await retireRow(handle, core, kid)
    const left = await listSigningKeys(handle)
    if (fresh !== undefined && signing(left, core) === undefined) await insertKey(handle, core, fresh, left)
    return retirement(kid, await listSigningKeys(handle), core)
  })
}

async function retireRow(handle: Handle, { clock }: Core, kid: string): Promise<void> {
  const row = (await listSigningKeys(handle)).find((one) => one.kid === kid)
  if (row === undefined) throw new KeyCommandError(`there is no key ${kid}`)
  if (row.retired_at !== null) return
  await updateSigningKey(handle, kid, { retired_at: clock(), private_key: null })
  await recordEvent(handle, clock(), noOrigin, { kind: 'key_retired', subject: kid })
}

function retirement(kid: string, rows: readonly SigningKeyRow[], core: Core): Retirement {
  const infos = rows.map((row) => infoOf(row, rows, core))
  const retired = infos.find((info) => info.kid === kid) as KeyInfo
  return { retired, signing: infos.find(({ state }) => state === 'signing') }
}

function signing(rows: readonly SigningKeyRow[], { config, clock }: Core): SigningKeyRow | undefined {
  const rules = keyRules(config)
  return signingKey(
    rows.filter((row) => maySign(row, rules)),
    clock(),
  )
}

function infoOf(row: SigningKeyRow, rows: readonly SigningKeyRow[], core: Core): KeyInfo {
  return {
    kid: row.kid,
    algorithm: row.algorithm,
    state: stateOf(row, rows, core),
    createdAt: row.created_at,
    signsFrom: row.signs_from,
    verifiesUntil: row.retired_at ?? lastExpiry(row, rows),
    retiredAt: row.retired_at,
  }
}

function stateOf(row: SigningKeyRow, rows: readonly SigningKeyRow[], core: Core): KeyState {
  const rules = keyRules(core.config)
  const now = core.clock()
  if (row.retired_at !== null) return 'retired'
  if (row.kid === signing(rows, core)?.kid) return 'signing'
  if (!isUsable(row, rules) || lastExpiry(row, rows) <= now) return 'ended'
  return maySign(row, rules) && row.signs_from > now ? 'pending' : 'verifying'
}
