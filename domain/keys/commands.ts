import type { Handle } from '../../db/database.ts'
import type { SigningKeyRow } from '../../db/schema.ts'
import { listSigningKeys, updateSigningKey } from '../../db/signing-keys.ts'
import { takeTurns } from '../../db/turns.ts'
import type { Core } from '../context.ts'
import { noOrigin, recordEvent } from '../events/record.ts'
import { forgetIfSealedOtherwise } from '../keyed-hash.ts'
import { excerpt } from '../text.ts'
import type { TokenType } from '../tokens/claims.ts'
import { type KeyInfo, keyInfo, signingOf } from './describe.ts'
import type { GeneratedKey } from './generate.ts'
import { isSecret, type KeyRules, keyRules, readyAt, refreshSignsFrom, type Signing, signingRow, waitingKey } from './schedule.ts'
import { applyDue, checkKeys, insertKey, insertMissing, type KeyCore, makeKeys } from './upkeep.ts'

// What the operator can do to the keys. Running services see a change within a second.

/** What the operator asked for cannot be done. The message says why, and what to do. */
export class KeyCommandError extends Error {}

/** All keys, newest first. */
export async function listKeys(core: Core): Promise<KeyInfo[]> {
  return infosOf(core.db.read, core)
}

/**
 * Lets the next key take over from the one that signs tokens of a type: that of access tokens once it has been published long enough, as
 * `signsFrom` says; that of refresh tokens within a second or so. Another one is made to follow it.
 *
 * @throws {KeyCommandError} for the key of access tokens with `HS256`
 * @throws {SettingMismatch} when the services would not be able to read it
 */
export async function rotateKeys(core: KeyCore, use: TokenType = 'access'): Promise<KeyInfo> {
  const { db, config } = core
  if (use === 'access' && config.jwtAlgorithm === 'HS256') {
    throw new KeyCommandError('the key of HS256 is JWT_SECRET: set another one there')
  }
  checkKeys(await listSigningKeys(db.read), core)
  const spare = await makeKeys(core, use === 'access' ? [{ use }, { use }] : [{ use }])
  return db.write(async (handle) => {
    await takeTurns(handle, 'signing keys')
    const kid =
      use === 'access'
        ? await rotateAccessKey(handle, core, spare)
        : await addRefreshKey(handle, core, spare, refreshSignsFrom(core.clock()))
    return (await infosOf(handle, core)).find((info) => info.kid === kid) as KeyInfo
  })
}

/** Resolves to the `kid` of the key that takes over. */
async function rotateAccessKey(handle: Handle, core: KeyCore, spare: readonly GeneratedKey[]): Promise<string> {
  const rules = keyRules(core.config)
  const now = core.clock()
  const rows = await listSigningKeys(handle)
  const next = waitingKey(rows, rules, now)
  const [made] = spare as [GeneratedKey]
  if (next === undefined) await insertKey(handle, core, made, now + rules.publicationMs)
  else await beginAt(handle, core, next, Math.max(now, readyAt(next, rules)))
  await insertMissing(handle, core, spare.slice(next === undefined ? 1 : 0), signingOf(rows, core))
  return next?.kid ?? made.kid
}

async function addRefreshKey(handle: Handle, core: KeyCore, spare: readonly GeneratedKey[], signsFrom: number): Promise<string> {
  const key = spare.find(({ use }) => use === 'refresh') as GeneratedKey
  await insertKey(handle, core, key, signsFrom)
  return key.kid
}

function beginAt(handle: Handle, { clock }: Core, { kid }: SigningKeyRow, signsFrom: number): Promise<void> {
  return updateSigningKey(handle, kid, { signs_from: signsFrom, used_at: clock() })
}

/** Keys that were retired, and those that sign now. */
export interface Retirement {
  readonly retired: readonly KeyInfo[]
  readonly signing: readonly KeyInfo[]
}

const ALL_THAT_MAY_BE_NEEDED = [{ use: 'access' }, { use: 'access' }, { use: 'refresh' }] as const

/**
 * Withdraws a key whose private part somebody else may have: none of its tokens is accepted any more. The next one takes over; of access
 * tokens an older one that is still published takes its place until the next has been published long enough.
 *
 * It does not check `SECRETS_KEY`: when that is lost, retiring all keys is how to go on.
 *
 * @throws {KeyCommandError} for an unknown key, and for a secret that signs
 */
export async function retireKey(core: KeyCore, kid: string): Promise<Retirement> {
  const { jwtAlgorithm } = core.config
  if (jwtAlgorithm === 'HS256' && kid === keyRules(core.config).secretKid) {
    throw new KeyCommandError(`${kid} is JWT_SECRET, which signs: set another one there instead`)
  }
  return retire(core, (rows) => {
    const row = rows.find((one) => one.kid === kid)
    if (row === undefined) throw new KeyCommandError(`there is no key ${excerpt(kid)}`)
    return [row]
  })
}

/**
 * Withdraws all keys that are in the database, where somebody else may have a copy of it. `JWT_SECRET` is not: it is a setting. The key of
 * hashes goes, too, where this process cannot read it, for no service would start with it.
 */
export async function retireAllKeys(core: KeyCore): Promise<Retirement> {
  await forgetIfSealedOtherwise(core)
  return retire(core, (rows) => rows.filter((row) => !isSecret(row) && row.retired_at === null))
}

/**
 * Withdraws all keys that are in the database, in a transaction that has the turn at them, and makes no others: a service does, one that runs
 * or the next that starts.
 *
 * @returns how many they were
 */
export async function withdrawAllKeys(handle: Handle, core: Core): Promise<number> {
  const rows = (await listSigningKeys(handle)).filter((row) => !isSecret(row) && row.retired_at === null)
  for (const row of rows) await retireRow(handle, core, row)
  return rows.length
}

async function retire(core: KeyCore, choose: (rows: readonly SigningKeyRow[]) => readonly SigningKeyRow[]): Promise<Retirement> {
  const spare = await makeKeys(core, ALL_THAT_MAY_BE_NEEDED)
  return core.db.write(async (handle) => {
    await takeTurns(handle, 'signing keys')
    const signing = signingOf(await listSigningKeys(handle), core)
    // An older key whose tokens have all expired is published no more: it must not sign again.
    await applyDue(handle, core, signing)
    const chosen = choose(await listSigningKeys(handle))
    for (const row of chosen) await retireRow(handle, core, row)
    const kids = chosen.map(({ kid }) => kid)
    await replace(handle, core, kids, spare, signing)
    const infos = await infosOf(handle, core)
    return { retired: infos.filter(({ kid }) => kids.includes(kid)), signing: infos.filter(({ state }) => state === 'signing') }
  })
}

async function retireRow(handle: Handle, { clock }: Core, { kid, retired_at }: SigningKeyRow): Promise<void> {
  if (retired_at !== null) return
  await updateSigningKey(handle, kid, { retired_at: clock(), private_key: null })
  await recordEvent(handle, clock(), noOrigin, { kind: 'key_retired', subject: kid })
}

/** Lets other keys take the place of those that were retired, and makes what is missing then. */
async function replace(
  handle: Handle,
  core: KeyCore,
  retired: readonly string[],
  spare: readonly GeneratedKey[],
  signing: Signing,
): Promise<void> {
  const rules = keyRules(core.config)
  if (retired.includes(signing.access ?? '')) await promoteNext(handle, core, rules)
  const used = retired.includes(signing.refresh ?? '') ? [await addRefreshKey(handle, core, spare, core.clock())] : []
  const left = spare.filter(({ kid }) => !used.includes(kid))
  await insertMissing(handle, core, left, { access: undefined, refresh: undefined })
}

async function promoteNext(handle: Handle, core: KeyCore, rules: KeyRules): Promise<void> {
  const now = core.clock()
  const rows = await listSigningKeys(handle)
  const next = waitingKey(rows, rules, now)
  if (next === undefined) return
  const begun = rows.filter(({ signs_from }) => signs_from <= now)
  const older = signingRow(begun, 'access', rules, now)
  await beginAt(handle, core, next, older === undefined ? now : Math.max(now, readyAt(next, rules)))
}

async function infosOf(handle: Handle, core: Core): Promise<KeyInfo[]> {
  const rows = await listSigningKeys(handle)
  return rows.map((row) => keyInfo(row, rows, core))
}
