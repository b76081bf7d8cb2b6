import type { Handle } from '../../db/database.ts'
import type { User } from '../../db/schema.ts'
import { lockUser, type Turn, takeTurns } from '../../db/turns.ts'
import { findUserById } from '../../db/users.ts'
import type { Core } from '../context.ts'
import { bearerProblem, invalidFields, notFound, Problem, permissionDenied, TokenProblem, userInactive, userNotFound } from '../errors.ts'
import { noOrigin, type Origin } from '../events/record.ts'
import { isLive, type Owner } from '../sessions/ends.ts'
import { findBySid } from '../sessions/sid.ts'

// Who may change the accounts of others, and the transaction in which that is done.

/** A user who does it, by a request. */
export interface Admin extends Owner {
  /** Of the session in which it is asked for. */
  readonly sid: string
  readonly origin: Origin
  /** Whether it was confirmed with the own password. */
  readonly isConfirmed: boolean
}

/** Who does it: undefined is the operator, by a command, who may do everything. */
export type By = Admin | undefined

/** What it takes. Where the account is that of staff or of a superuser it takes a superuser, whatever is done. */
export type Need = 'staff' | 'superuser'

/** From where it is done, and by whom, as events keep it: who does it to oneself is no other user. */
export function doneBy(by: By, userId?: number): { readonly origin: Origin; readonly actor?: Owner } {
  if (by === undefined) return { origin: noOrigin }
  const { id, username, origin } = by
  return id === userId ? { origin } : { origin, actor: { id, username } }
}

/** Why a user may not do it; undefined when nothing is against it. @param target whose account it is, if it is one's */
export function refusalOf(actor: User | undefined, need: Need, target?: User): Problem | undefined {
  if (actor === undefined) return userNotFound()
  if (!actor.is_active) return userInactive()
  if (!actor.is_staff || (takesSuperuser(need, target) && !actor.is_superuser)) return permissionDenied()
  return undefined
}

/** Whether only superusers may do it. */
export function takesSuperuser(need: Need, target?: User): boolean {
  return need === 'superuser' || target?.is_staff === 1 || target?.is_superuser === 1
}

/** What only superusers may do was not confirmed. */
export function unconfirmed(): Problem {
  return invalidFields({ current_password: ['This field is required.'] })
}

interface Task {
  readonly by: By
  readonly need: Need
  /** At the name that is taken, if one is. */
  readonly turn?: Turn | undefined
}

/**
 * Does some work in a transaction, if whoever does it still may: all administration takes turns, so that two who change each other are exact.
 *
 * @param work resolves to a `Problem` where it is refused, which is then thrown
 */
export async function administer<T>(core: Core, { by, need, turn }: Task, work: (handle: Handle) => Promise<T | Problem>): Promise<T> {
  const result = await core.db.write(async (handle) => {
    await takeTurns(handle, 'administration')
    if (turn !== undefined) await takeTurns(handle, turn)
    const refusal = by && ((await refusalOfSession(handle, core, by)) ?? refusalOf(await findUserById(handle, by.id), need))
    return refusal ?? work(handle)
  })
  if (result instanceof Problem) throw result
  return result
}

/**
 * A request may take a while to come whole, and to be hashed. Whose password is changed meanwhile, for somebody else knows it, has no session
 * any more: what that one asked for before is not done.
 */
async function refusalOfSession(handle: Handle, { clock }: Core, { id, sid }: Admin): Promise<Problem | undefined> {
  const found = await findBySid(handle, { user_id: id, sid })
  const isOver = found?.user.is_active === 1 && !isLive(found.session, clock())
  return isOver ? bearerProblem(new TokenProblem('ended')) : undefined
}

/** The same for the account of a user, who is locked. @throws {Problem} `not_found`, too */
export function administerUser<T>(
  core: Core,
  task: Task & { readonly userId: number },
  work: (handle: Handle, user: User) => Promise<T | Problem>,
): Promise<T> {
  const { by, need, userId } = task
  return administer(core, task, async (handle) => {
    await lockUser(handle, userId)
    const user = await findUserById(handle, userId)
    if (user === undefined) return notFound()
    const refusal = by && refusalOf(await findUserById(handle, by.id), need, user)
    return refusal ?? work(handle, user)
  })
}
