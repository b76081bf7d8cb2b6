import type { Test } from 'tap'
import { claimsOf, post, type TestApp } from '../helper.ts'
import { ENDED, get, gone, notFound, remove, SESSIONS } from '../routes/me.ts'
import { answerOf, REFRESH, REFRESH_AND_VERIFY, refreshRefused, success, tokenRefused, VERIFY } from '../wire/wire.ts'
import type { OldDatabase, OldSession } from './old-databases.ts'
import { active, goodAccess, introspect, isLive, liveSessions, refreshed, showAccess, upgrade } from './upgraded.ts'

// What an upgrade promises, each for one old database.

const BLACKLIST = '/api/token/blacklist/'
const REVOKE = '/api/token/revoke/'
const good = success(200, {})

/** Every live token is good at every endpoint, every session refreshes, and the tokens of the answers are as good. */
export async function logsNobodyOut(t: Test, old: OldDatabase): Promise<void> {
  const app = await upgrade(t, old)
  for (const [name, session] of liveSessions(old)) {
    if (isLive(app, session.access)) {
      t.strictSame(await showAccess(app, old, session.access), goodAccess(session, session.access), `${name}, its access token`)
    }
    await showRefresh(t, app, old, session, session.refresh)
    const next = await refreshed(app, session.refresh)
    t.equal(claimsOf(next.access).iss, 'http://localhost:4300', `${name}, the issuer of its next tokens`)
    t.strictSame(await showAccess(app, old, next.access), goodAccess(session, next.access), `${name}, its next access token`)
    await showRefresh(t, app, old, session, next.refresh)
    t.equal(claimsOf((await refreshed(app, next.refresh)).access).sid, session.id, `${name}, refreshed twice`)
  }
}

async function showRefresh(t: Test, app: TestApp, old: OldDatabase, { user }: OldSession, token: string): Promise<void> {
  t.strictSame(answerOf(await post(app, VERIFY, { token })), good)
  t.strictSame((await introspect(app, old, token, 'refresh_token')).json(), active(user, token))
}

/** A refresh token that was replaced within the grace, or whose successor is unconfirmed, is answered with that successor. */
export async function answersReplaced(t: Test, old: OldDatabase): Promise<void> {
  const app = await upgrade(t, old)
  const { refreshedOften, lostAnswer } = old.sessions
  const pairs = (refreshedOften.replacedInGrace ?? []).map((replaced) => [replaced, refreshedOften.refresh] as const)
  if (lostAnswer?.successor !== undefined) pairs.push([lostAnswer.refresh, lostAnswer.successor])
  t.equal(pairs.length, 3)
  for (const [replaced, current] of pairs) {
    const { refresh } = await refreshed(app, replaced)
    t.equal(claimsOf(refresh).jti, claimsOf(current).jti)
    t.equal(claimsOf(refresh).exp, claimsOf(current).exp)
    t.strictSame(answerOf(await post(app, VERIFY, { token: refresh })), good)
    t.strictSame(answerOf(await post(app, VERIFY, { token: current })), good, 'as it was signed before')
  }
}

/** A refresh token that was replaced before the grace is theft still: it ends its session. */
export async function seesReuse(t: Test, old: OldDatabase): Promise<void> {
  const app = await upgrade(t, old)
  const { replacedLongAgo: refresh, refresh: current } = old.sessions.reusable as OldSession
  t.strictSame(answerOf(await post(app, REFRESH, { refresh })), tokenRefused(ENDED))
  t.strictSame(answerOf(await post(app, REFRESH, { refresh: current })), tokenRefused(ENDED))
}

/** A session that had ended stays so. */
export async function revivesNothing(t: Test, old: OldDatabase): Promise<void> {
  const app = await upgrade(t, old)
  const { loggedOut, endedByReuse } = old.sessions
  for (const { refresh, replacedLongAgo = refresh } of endedByReuse ? [loggedOut, endedByReuse] : [loggedOut]) {
    for (const token of [refresh, replacedLongAgo]) {
      t.strictSame(answerOf(await post(app, REFRESH, { refresh: token })), tokenRefused(ENDED))
      t.strictSame(answerOf(await post(app, REFRESH_AND_VERIFY, { refresh: token })), refreshRefused)
      t.strictSame(answerOf(await post(app, VERIFY, { token })), tokenRefused(ENDED))
      t.strictSame(answerOf(await post(app, BLACKLIST, { refresh: token })), tokenRefused(ENDED))
      t.strictSame((await introspect(app, old, token, 'refresh_token')).json(), { active: false })
    }
  }
}

/** Sessions are listed by the `sid` that they had, and end by it, by logout and by revocation; no other session ends. */
export async function endsSessions(t: Test, old: OldDatabase): Promise<void> {
  const app = await upgrade(t, old)
  const { idle, fresh, refreshedOnce, refreshedOften, underEarlierKey, ofBob } = old.sessions
  const listed: { id: string }[] = (await get(app, SESSIONS, fresh.access)).json()
  const ofAlice = liveSessions(old).flatMap(([, { id, user }]) => (user === 'alice' ? id : []))
  t.strictSame(listed.map(({ id }) => id).sort(), ofAlice.sort())

  t.strictSame(answerOf(await post(app, BLACKLIST, { refresh: underEarlierKey.refresh })), good)
  // An access token that has expired still names the session that its holder wants to end.
  t.strictSame(answerOf(await post(app, REVOKE, { token: idle.access })), good)
  t.strictSame(answerOf(await post(app, REVOKE, { token: refreshedOnce.refresh })), good)
  t.strictSame(answerOf(await remove(app, `${SESSIONS}${refreshedOften.id}/`, fresh.access)), gone)
  t.strictSame(answerOf(await remove(app, `${SESSIONS}${ofBob.id}/`, fresh.access)), notFound)

  for (const { refresh } of [underEarlierKey, idle, refreshedOnce, refreshedOften]) {
    t.strictSame(answerOf(await post(app, REFRESH, { refresh })), tokenRefused(ENDED))
  }
  for (const { id, refresh } of [fresh, ofBob]) t.equal(claimsOf((await refreshed(app, refresh)).access).sid, id)
}
