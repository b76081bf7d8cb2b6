import type { LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import type { Session, User } from '../../db/schema.ts'
import { build, claimsOf, logIn, PASSWORD, register, type TestApp } from '../helper.ts'
import { idOf, setFlags } from '../operator.ts'
import { challenged, problem } from '../wire/wire.ts'

export const NEXT = 'another horse battery'
export const NOW = '2026-01-01T00:00:00.000Z'
export const confirmed = { current_password: PASSWORD }

export const denied = problem(403, 'permission_denied', 'You do not have permission to perform this action.')
export const missing = problem(404, 'not_found', 'Not found.')
export const anonymous = challenged(problem(401, 'not_authenticated', 'Authentication credentials were not provided.'))
export const inactive = challenged(problem(401, 'user_inactive', 'User is inactive'))
export const ended = challenged(
  problem(401, 'token_not_valid', 'Given token not valid for any token type', {
    messages: [{ token_class: 'AccessToken', token_type: 'access', message: 'Token is blacklisted' }],
  }),
)
export const ownFlags = problem(409, 'conflict', 'Nobody changes their own flags. Ask another superuser.')
export const last = problem(409, 'conflict', 'This is the last active superuser who is staff. Make another one first.')

/** Who asks, and who is asked about: two of each kind, so that one can ask about the other. */
const USERS = {
  anna: {},
  bert: {},
  sam: { isStaff: true },
  tess: { isStaff: true },
  root: { isStaff: true, isSuperuser: true },
  rita: { isStaff: true, isSuperuser: true },
  dora: { isStaff: true },
  evan: { isStaff: true, isSuperuser: true },
}
export type Name = keyof typeof USERS

/** A service with users of all kinds, whose rows can be put back as they were. */
export interface House {
  readonly app: TestApp
  readonly ids: Readonly<Record<Name, number>>
  /** An access token of each. */
  readonly access: Readonly<Record<Name, string>>
  /** The session of each. */
  readonly sids: Readonly<Record<Name, string>>
  /** Asks in the name of a user, or of nobody. */
  ask(who: Name | undefined, method: 'GET' | 'POST' | 'PATCH' | 'DELETE', url: string, body?: unknown): Promise<LightMyRequestResponse>
  /** Users, sessions and the number of events, but for wrong passwords. */
  rows(): Promise<{ users: User[]; sessions: Session[]; events: number }>
  /** Puts users and sessions back as they were. */
  restore(): Promise<void>
}

/** `dora` is disabled, and the session of `evan` has ended, though both have their tokens still. */
export async function house(t: Pick<Test, 'teardown'>, env: Record<string, string> = {}): Promise<House> {
  const app = await build(t, { LIMITS: 'off', ...env })
  const access: Record<string, string> = {}
  const ids: Record<string, number> = {}
  for (const [name, flags] of Object.entries(USERS)) {
    await register(app, name)
    access[name] = (await logIn(app, name)).access
    ids[name] = await idOf(app, name)
    await setFlags(app, name, flags)
  }
  await app.db.write(async (handle) => {
    await handle.updateTable('users').set({ is_active: 0 }).where('username', '=', 'dora').execute()
    const evans = handle.updateTable('sessions').set({ ended_at: app.clock(), end_reason: 'logout' })
    await evans.where('user_id', '=', ids.evan as number).execute()
  })
  const before = await rowsOf(app)
  return {
    app,
    ids: ids as House['ids'],
    access: access as House['access'],
    sids: Object.fromEntries(Object.entries(access).map(([name, token]) => [name, claimsOf(token).sid])) as House['sids'],
    ask: (who, method, url, body) =>
      app.inject({
        method,
        url,
        headers: {
          ...(who && { authorization: `Bearer ${access[who]}` }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
      }),
    rows: () => rowsOf(app),
    restore: () => putBack(app, before),
  }
}

async function rowsOf({ db }: TestApp) {
  const events = await db.read
    .selectFrom('auth_events')
    .select(({ fn }) => fn.countAll<number>().as('number'))
    // Wrong passwords are written within half a second, while a test may be at something else.
    .where('kind', '!=', 'login_failed')
    .executeTakeFirstOrThrow()
  return {
    users: await db.read.selectFrom('users').selectAll().orderBy('id').execute(),
    sessions: await db.read.selectFrom('sessions').selectAll().orderBy('id').execute(),
    events: Number(events.number),
  }
}

async function putBack({ db }: TestApp, { users, sessions }: { readonly users: User[]; readonly sessions: Session[] }): Promise<void> {
  await db.write(async (handle) => {
    await handle.deleteFrom('users').execute()
    await handle.insertInto('users').values(users).execute()
    // The database computes the hour.
    const rows = sessions.map(({ refresh_exp_hour: _, ...session }) => session)
    await handle.insertInto('sessions').values(rows).execute()
  })
}
