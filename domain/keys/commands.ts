import type { SigningKeyRow } from '../../db/schema.ts'
import { listSigningKeys, updateSigningKey } from '../../db/signing-keys.ts'
import { noOrigin, recordEvent } from '../events/record.ts'
import { generateKey } from './generate.ts'
import { isUsable, lastExpiry, maySign, signingKey } from './schedule.ts'
import { applyDue, checkKeys, insertKey, type KeyContext, type KeyTools, keyTools } from './upkeep.ts'

// What the operator can do to the keys, beside running services too: they take it up within a second.

/**
 * - `pending`: published, and signs from `signsFrom` on;
 * - `signing`: signs what is issued with the algorithm that is set;
 * - `verifying`: signs nothing any more, and tokens of it may live;
 * - `ended`: its last token is dead;
 * - `retired`: withdrawn, with all its tokens.
 */
export type KeyState = 'pending' | 'signing' | 'verifying' | 'ended' | 'retired'

/** A key for the operator's eyes. Instants are milliseconds since the epoch. */
export interface KeyInfo {
  readonly kid: string
  readonly algorithm: string
  readonly state: KeyState
  readonly createdAt: number
  readonly signsFrom: number
  /** When the last token is dead, or refused, that it can have signed so far. */
  readonly verifiesUntil: number
  readonly retiredAt: number | null
}

/** What the operator asked for cannot be done. The message says why, and what to do. */
export class KeyCommandError extends Error {}

/** All keys, newest first. */
export async function listKeys(context: KeyContext): Promise<KeyInfo[]> {
  const tools = keyTools(context)
  const rows = await listSigningKeys(tools.db.read)
  return rows.map((row) => infoOf(row, rows, tools))
}

/**
 * Makes a new key, which signs once it has been published long enough: `signsFrom` says when.
 *
 * @throws {KeyCommandError} for `HS256`
 * @throws {SettingMismatch} when the services would not be able to read it
 */
export async function rotateKeys(context: KeyContext): Promise<KeyInfo> {
  const tools = keyTools(context)
  const { db, rules, secret } = tools
  if (rules.algorithm === 'HS256') throw new KeyCommandError('the key of HS256 is JWT_SECRET: set another one there')
  checkKeys(await listSigningKeys(db.read), tools)
  const fresh = await generateKey(rules.algorithm, secret)
  return db.write(async (handle) => {
    const row = await insertKey(handle, tools, fresh, await listSigningKeys(handle))
    return infoOf(row, await listSigningKeys(handle), tools)
  })
}

/** A key that was withdrawn, and the one that signs now. */
export interface Retirement {
  readonly retired: KeyInfo
  readonly signing: KeyInfo | undefined
  /** Whether that one was made for it: verifiers that keep the published keys may not know it yet. */
  readonly isNew: boolean
}

/**
 * Withdraws a key whose private part somebody else may have: none of its tokens is accepted any more. Where no other key
 * may sign, a new one is made, and signs at once.
 *
 * It asks for no `SECRETS_KEY` that fits: where that is lost, to retire all keys is the way out.
 *
 * @throws {KeyCommandError} for an unknown key, and for a secret that signs
 */
export async function retireKey(context: KeyContext, kid: string): Promise<Retirement> {
  const tools = keyTools(context)
  const { db, clock, rules, secret } = tools
  if (rules.algorithm === 'HS256' && kid === rules.secretKid) {
    throw new KeyCommandError(`${kid} is JWT_SECRET, which signs: set another one there instead`)
  }
  const fresh = rules.algorithm === 'HS256' ? undefined : await generateKey(rules.algorithm, secret)
  return db.write(async (handle) => {
    // An older key whose tokens are all dead is published no more: it may not sign again.
    const before = await listSigningKeys(handle)
    await applyDue(handle, tools, signing(before, tools)?.kid)
    const row = (await listSigningKeys(handle)).find((one) => one.kid === kid)
    if (row === undefined) throw new KeyCommandError(`there is no key ${kid}`)
    if (row.retired_at === null) {
      await updateSigningKey(handle, kid, { retired_at: clock(), private_key: null })
      await recordEvent(handle, clock(), noOrigin, { kind: 'key_retired', subject: kid })
    }
    const left = await listSigningKeys(handle)
    const isNew = fresh !== undefined && signing(left, tools) === undefined
    if (isNew) await insertKey(handle, tools, fresh, left)
    return retirement(kid, await listSigningKeys(handle), tools, isNew)
  })
}

function retirement(kid: string, rows: readonly SigningKeyRow[], tools: KeyTools, isNew: boolean): Retirement {
  const infos = rows.map((row) => infoOf(row, rows, tools))
  const retired = infos.find((info) => info.kid === kid) as KeyInfo
  return { retired, signing: infos.find(({ state }) => state === 'signing'), isNew }
}

function signing(rows: readonly SigningKeyRow[], { rules, clock }: KeyTools): SigningKeyRow | undefined {
  return signingKey(
    rows.filter((row) => maySign(row, rules)),
    clock(),
  )
}

function infoOf(row: SigningKeyRow, rows: readonly SigningKeyRow[], tools: KeyTools): KeyInfo {
  return {
    kid: row.kid,
    algorithm: row.algorithm,
    state: stateOf(row, rows, tools),
    createdAt: row.created_at,
    signsFrom: row.signs_from,
    verifiesUntil: row.retired_at ?? lastExpiry(row, rows),
    retiredAt: row.retired_at,
  }
}

function stateOf(row: SigningKeyRow, rows: readonly SigningKeyRow[], tools: KeyTools): KeyState {
  if (row.retired_at !== null) return 'retired'
  if (row.kid === signing(rows, tools)?.kid) return 'signing'
  if (!isUsable(row, tools.rules) || lastExpiry(row, rows) <= tools.clock()) return 'ended'
  return maySign(row, tools.rules) && row.signs_from > tools.clock() ? 'pending' : 'verifying'
}
