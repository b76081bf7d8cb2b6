import type { Handle } from '../../db/database.ts'
import {
  type Asked,
  findPresent,
  giveUpNames,
  type Imported,
  insertImported,
  type Named,
  updateImported,
  withSessions,
} from '../../db/imported-users.ts'
import { isOfHere } from '../../db/of-here.ts'
import { countPasswords, type PasswordChange } from '../../db/password-kinds.ts'
import type { User } from '../../db/schema.ts'
import { lockUsers, takeTurns } from '../../db/turns.ts'
import type { Core } from '../context.ts'
import { djangoHash } from '../django-hash.ts'
import { noOrigin, recordEvent } from '../events/record.ts'
import { endingNow, endSessions } from '../sessions/ends.ts'
import type { Candidate, Refusal, Remark } from './user.ts'

export type Outcome = 'new' | 'changed' | 'unchanged' | 'left_out'

/** What became of a user of the source. */
export interface Result {
  readonly candidate: Candidate
  /** `waiting`: the name is that of a user who may be given another one later in the same import. */
  readonly outcome: Outcome | 'waiting'
  /** Why the user is left out, or what is said of the user all the same. */
  readonly reasons: readonly (Refusal | Remark)[]
  /** Whether the user is here by an earlier import. */
  readonly isKnown: boolean
  /** The user whose name is waited for. */
  readonly waitsFor?: number
}

/** What a page does. */
interface Work {
  readonly results: Result[]
  readonly inserts: Imported[]
  readonly updates: { readonly before: User; readonly after: Imported }[]
}

export interface PageOptions {
  /** Users who wait for a name, by id: they may still give up the one that they have. */
  readonly waiting: ReadonlySet<number>
  /** Whether names are free that users of this page have, because all of them get others. */
  readonly isCircle?: boolean
}

/**
 * Brings a page of users in, in a transaction: in the order of their ids, so that of two who would have one name the first has it.
 *
 * @param candidates at most some hundred
 */
export async function importPage(
  handle: Handle,
  core: Core,
  candidates: readonly Candidate[],
  options: PageOptions,
): Promise<readonly Result[]> {
  await takeTurns(handle, 'administration')
  const asked = askedOf(candidates)
  const { ids } = asked
  if (ids.length === 0) return candidates.map((candidate) => leftOut(candidate, 'id_out_of_range'))
  await lockUsers(handle, ids)
  const look = async () => decide(candidates, await present(handle, asked), options.waiting, core.clock())
  let work = await look()
  if (options.isCircle) {
    if (!isCircle(work.results)) return work.results
    await giveUpNames(handle, ids)
    work = await look()
  }
  await write(handle, core, work)
  return work.results
}

/** Whether each of them waits for the name of another one, and so all can have theirs at once. */
function isCircle(results: readonly Result[]): boolean {
  const holders = new Set(results.map(({ waitsFor }) => waitsFor))
  return results.every(({ candidate }) => holders.has(Number(candidate.id))) && holders.size === results.length
}

/** What has to be known of a page. */
export function askedOf(candidates: readonly Candidate[]): Asked {
  const named = candidates.filter(({ refusal }) => refusal === undefined)
  return {
    ids: candidates.filter(({ refusal }) => refusal !== 'id_out_of_range').map(({ id }) => Number(id)),
    names: named.map(({ username }) => username),
    keys: named.map(({ usernameKey }) => usernameKey),
  }
}

/** Who has a name: a user who is here, or only the id of one whom this page has given it. */
type Holder = Named | Pick<Named, 'id'>

/** What is here, and as the page goes on, what is going to be. */
interface Here {
  readonly users: Map<number, User>
  readonly deleted: ReadonlySet<number>
  readonly byName: Map<string, Holder>
  readonly byKey: Map<string, Set<number>>
}

async function present(handle: Handle, asked: Asked): Promise<Here> {
  const { users, deleted, named, folded } = await findPresent(handle, asked)
  const byKey = new Map<string, Set<number>>()
  for (const { id, username_key } of folded) byKey.set(username_key, (byKey.get(username_key) ?? new Set()).add(id))
  return {
    users: new Map(users.map((user) => [user.id, user])),
    deleted: new Set(deleted),
    byName: new Map(named.map((user) => [user.username, user])),
    byKey,
  }
}

function decide(candidates: readonly Candidate[], here: Here, waiting: ReadonlySet<number>, now: number): Work {
  const work: Work = { results: [], inserts: [], updates: [] }
  const waitingNow = new Set(waiting)
  for (const candidate of candidates) {
    const before = here.users.get(Number(candidate.id))
    const isKnown = before !== undefined && before.imported_at !== null
    const refusal = refusalOf(candidate, before, here)
    const holder = refusal === 'name_taken' ? here.byName.get(candidate.username) : undefined
    if (holder !== undefined && mayGiveUp(holder, candidate, waitingNow)) {
      waitingNow.add(Number(candidate.id))
      work.results.push({ candidate, outcome: 'waiting', reasons: ['name_taken'], isKnown, waitsFor: holder.id })
    } else if (before !== undefined && isBroughtBack(candidate, before))
      work.results.push({ candidate, outcome: 'unchanged', reasons: remarksOf(candidate, here), isKnown })
    else if (refusal !== undefined) work.results.push({ ...leftOut(candidate, refusal), isKnown })
    else work.results.push({ candidate, outcome: take(work, candidate, before, here, now), reasons: remarksOf(candidate, here), isKnown })
  }
  return work
}

function leftOut(candidate: Candidate, refusal: Refusal): Result {
  return { candidate, outcome: 'left_out', reasons: [refusal], isKnown: false }
}

function refusalOf({ id, username, refusal }: Candidate, before: User | undefined, here: Here): Refusal | undefined {
  if (refusal === 'id_out_of_range') return refusal
  if (before === undefined) {
    if (here.deleted.has(Number(id))) return 'changed_here'
  } else {
    if (before.imported_at === null) return 'id_taken'
    if (isOfHere(before)) return 'changed_here'
  }
  if (refusal !== undefined) return refusal
  const holder = here.byName.get(username)
  return holder === undefined || holder.id === Number(id) ? undefined : 'name_taken'
}

/** Whether who was made or changed here is the same there by now: an export has brought the user back. */
function isBroughtBack({ username, flags, hash }: Candidate, before: User): boolean {
  const isOurs = isOfHere(before)
  const isAlike = before.username === username && Object.entries(flags).every(([flag, value]) => before[flag as keyof User] === value)
  return isOurs && isAlike && djangoHash(before.password) === hash
}

/** Whether the name may be free before the import is over: whoever has it comes later, or waits for another name. */
function mayGiveUp(holder: Holder, candidate: Candidate, waiting: ReadonlySet<number>): boolean {
  if (waiting.has(holder.id)) return true
  return 'imported_at' in holder && !isOfHere(holder) && holder.id > Number(candidate.id)
}

function take(work: Work, candidate: Candidate, before: User | undefined, here: Here, now: number): Outcome {
  const after = rowOf(candidate, before, now)
  if (before !== undefined && isSame(before, after)) return 'unchanged'
  if (before === undefined) work.inserts.push(after)
  else work.updates.push({ before, after })
  if (before !== undefined && here.byName.get(before.username)?.id === after.id) here.byName.delete(before.username)
  if (before !== undefined) here.byKey.get(before.username_key)?.delete(after.id)
  here.byName.set(after.username, { id: after.id })
  here.byKey.set(after.username_key, (here.byKey.get(after.username_key) ?? new Set()).add(after.id))
  return before === undefined ? 'new' : 'changed'
}

/** The row as it is to be. A hash that has not changed there stays as it is here, where a login may have replaced it. */
function rowOf(candidate: Candidate, before: User | undefined, now: number): Imported {
  const isHashKept = before?.imported_hash_md5 === candidate.hashMd5
  const { lastLoginAt, joinedAt } = candidate
  return {
    id: Number(candidate.id),
    username: candidate.username,
    username_key: candidate.usernameKey,
    password: isHashKept ? (before as User).password : candidate.hash,
    ...candidate.flags,
    created_at: joinedAt ?? before?.created_at ?? now,
    last_login_at: later(lastLoginAt, before?.last_login_at ?? null),
    email: candidate.email,
    changed_at: now,
    imported_hash_md5: candidate.hashMd5,
  }
}

function later(one: number | null, other: number | null): number | null {
  if (one === null || other === null) return one ?? other
  return Math.max(one, other)
}

function isSame(before: User, after: Imported): boolean {
  return Object.entries(after).every(([column, value]) => column === 'changed_at' || before[column as keyof User] === value)
}

function remarksOf({ id, usernameKey, remarks }: Candidate, here: Here): Remark[] {
  const twins = here.byKey.get(usernameKey)
  const isTwin = twins !== undefined && (twins.size > 1 || !twins.has(Number(id)))
  return isTwin ? [...remarks, 'folded_twin'] : [...remarks]
}

async function write(handle: Handle, core: Core, { inserts, updates }: Work): Promise<void> {
  await updateImported(
    handle,
    updates.map(({ after }) => after),
  )
  await insertImported(handle, inserts)
  await endTheirSessions(handle, core, updates)
  const fresh = inserts.map(({ id, password }): PasswordChange => ({ userId: id, to: password }))
  const other = updates.filter(({ before, after }) => before.password !== after.password)
  await countPasswords(handle, [
    ...fresh,
    ...other.map(({ before, after }) => ({ userId: after.id, from: before.password, to: after.password })),
  ])
}

/**
 * Who is disabled has no session, as when staff does it. Nor has any whose password is another one there, but tokens of that system which were
 * not used here go on: they may be of a login with the new password.
 */
async function endTheirSessions(handle: Handle, core: Core, updates: Work['updates']): Promise<void> {
  const disabled = updates.filter(({ before, after }) => before.is_active && !after.is_active)
  for (const { after } of disabled) {
    const ending = endingNow(core, noOrigin, 'user_disabled')
    await endSessions(handle, after, 'all', ending)
    await recordEvent(handle, ending.at, noOrigin, { kind: 'user_disabled', userId: after.id, username: after.username })
  }
  const others = updates.filter(({ before, after }) => before.imported_hash_md5 !== after.imported_hash_md5 && after.is_active)
  const live = new Set(
    await withSessions(
      handle,
      others.map(({ after }) => after.id),
    ),
  )
  for (const { after } of others.filter((each) => live.has(each.after.id)))
    await endSessions(handle, after, 'all', { ...endingNow(core, noOrigin, 'password_changed'), sparesLegacyTokens: true })
}
