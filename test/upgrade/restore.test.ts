// Not on PostgreSQL: the databases of earlier versions are files of SQLite.
import { copyFileSync, rmSync } from 'node:fs'
import SQLite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { createClient } from '../../domain/accounts/clients.ts'
import { rotateKeys } from '../../domain/keys/commands.ts'
import { basic, build, claimsOf, logIn, PASSWORD, post, register, type TestApp } from '../helper.ts'
import { bearer, CHANGE, DELETE_ME, ENDED, get, ME, NEXT, remove, SESSIONS } from '../routes/me.ts'
import { folder } from '../server/process.ts'
import {
  answerOf,
  authenticated,
  bearerRefused,
  HEADER,
  INTROSPECT,
  postForm,
  REFRESH,
  REFRESH_AND_VERIFY,
  refreshRefused,
  success,
  tokenRefused,
  VERIFY,
} from '../wire/wire.ts'
import { type OldDatabase, oldDatabases, writeOldDatabase } from './old-databases.ts'
import { startOn } from './upgraded.ts'

type Pair = { access: string; refresh: string }
const BLACKLIST = '/api/token/blacklist/'
const REVOKE = '/api/token/revoke/'
const good = success(200, {})

/** A service of which an older backup was restored. */
interface Restored {
  readonly app: TestApp
  readonly client: { clientId: string; clientSecret: string }
  /** Tokens of alice from before the backup. */
  readonly before: Pair
  /** Tokens of sessions that began after it, under keys of the backup. */
  readonly lost: Readonly<Record<'ofBob' | 'ofAlice', Pair>>
  /** The same, the access token under a key that was made after it. */
  readonly lostWithItsKey: Pair
}

/** Alice logs in, a backup is made, much happens, and then the backup takes the place of the file. */
async function restore(t: Test): Promise<Restored> {
  const file = `${folder(t)}/latchkey.db`
  const start = () => build(t, { DATABASE_URL: `file:${file}`, ACCESS_TOKEN_TTL: '3600' })
  const first = await start()
  await register(first)
  const client = await createClient(first, 'api')
  const before = await logIn(first)
  await first.close()
  copyFileSync(file, `${file}.backup`)

  const second = await start()
  await register(second, 'bob')
  const lost = { ofBob: await logIn(second, 'bob'), ofAlice: await logIn(second) }
  // The backup has the next key already, but not the one after it.
  for (let turn = 0; turn < 2; turn++) {
    await rotateKeys(second)
    await second.keys.look()
    second.clock.advance(600)
  }
  const lostWithItsKey = (await post(second, CHANGE, { current_password: PASSWORD, new_password: NEXT }, bearer(before.access))).json()
  await second.close()
  copyFileSync(`${file}.backup`, file)
  for (const beside of ['-wal', '-shm']) rmSync(file + beside, { force: true })

  const app = await start()
  app.clock.advance(1300)
  return { app, client, before, lost, lostWithItsKey }
}

/** A user and a session for each id that the restored database gives again: carol has bob's. */
async function giveIdsAgain(app: TestApp): Promise<Record<'carol' | 'alice', Pair>> {
  await register(app, 'carol')
  return { carol: await logIn(app, 'carol'), alice: await logIn(app) }
}

const rowOf = ({ access }: Pair) => Number.parseInt(claimsOf(access).sid as string, 10)

/** Every request that a pair of tokens can make, and its answer. */
async function ask({ app, client }: Pick<Restored, 'app' | 'client'>, { access, refresh }: Pair) {
  const introspected = async (token: string, hint: string) =>
    (await postForm(app, INTROSPECT, { token, token_type_hint: hint }, basic(client))).json()
  return {
    verifyAccess: answerOf(await post(app, VERIFY, { token: access })),
    verifyRefresh: answerOf(await post(app, VERIFY, { token: refresh })),
    refresh: answerOf(await post(app, REFRESH, { refresh })),
    refreshAndVerify: answerOf(await post(app, REFRESH_AND_VERIFY, { refresh })),
    introspectAccess: await introspected(access, 'access_token'),
    introspectRefresh: await introspected(refresh, 'refresh_token'),
    header: answerOf(await post(app, HEADER, {}, bearer(access))),
    me: answerOf(await get(app, ME, access)),
    sessions: answerOf(await get(app, SESSIONS, access)),
    endOne: answerOf(await remove(app, `${SESSIONS}${claimsOf(access).sid}/`, access)),
    endOthers: answerOf(await remove(app, SESSIONS, access)),
    changePassword: answerOf(await post(app, CHANGE, { current_password: PASSWORD, new_password: NEXT }, bearer(access))),
    deleteAccount: answerOf(await post(app, DELETE_ME, { password: PASSWORD }, bearer(access))),
    blacklist: answerOf(await post(app, BLACKLIST, { refresh })),
    // RFC 7009 §2.2: a token that is not known counts as revoked.
    revokeAccess: answerOf(await post(app, REVOKE, { token: access })),
    revokeRefresh: answerOf(await post(app, REVOKE, { token: refresh })),
  }
}

/** The same of a pair that acts for nobody. @param text that of the refusals of its access token */
function refusedEverywhere(text = ENDED) {
  const inHeader = bearerRefused(text)
  return {
    verifyAccess: tokenRefused(text),
    verifyRefresh: tokenRefused(ENDED),
    refresh: tokenRefused(ENDED),
    refreshAndVerify: refreshRefused,
    introspectAccess: { active: false },
    introspectRefresh: { active: false },
    header: inHeader,
    me: inHeader,
    sessions: inHeader,
    endOne: inHeader,
    endOthers: inHeader,
    changePassword: inHeader,
    deleteAccount: inHeader,
    blacklist: tokenRefused(ENDED),
    revokeAccess: good,
    revokeRefresh: good,
  }
}

t.test('after the restore of a backup no token of a later session acts for anybody, though its ids are given again', async (t) => {
  const restored = await restore(t)
  const { app, lost, lostWithItsKey } = restored
  const now = await giveIdsAgain(app)
  t.equal(claimsOf(now.carol.access).user_id, claimsOf(lost.ofBob.access).user_id)
  t.same([rowOf(now.carol), rowOf(now.alice)], [rowOf(lost.ofBob), rowOf(lost.ofAlice)])

  for (const [name, pair] of Object.entries(lost)) t.strictSame(await ask(restored, pair), refusedEverywhere(), name)
  t.strictSame(await ask(restored, lostWithItsKey), refusedEverywhere('Token is invalid or expired'), 'of a key that the backup has not')

  for (const { access, refresh } of Object.values(now)) {
    t.strictSame(answerOf(await post(app, HEADER, {}, bearer(access))), authenticated)
    t.strictSame(answerOf(await post(app, VERIFY, { token: refresh })), good)
  }
})

t.test('what such tokens ask for is not recorded under the name of the user who has their ids now', async (t) => {
  const restored = await restore(t)
  const { app, lost } = restored
  await giveIdsAgain(app)
  await ask(restored, lost.ofBob)
  await post(app, REFRESH, { refresh: lost.ofBob.access })
  app.clock.advance(86_400)
  await post(app, REFRESH, { refresh: lost.ofBob.refresh })
  await app.refusals.flush()
  const ofCarol = await app.db.read.selectFrom('auth_events').select('kind').where('username', '=', 'carol').orderBy('id').execute()
  t.same(
    ofCarol.map(({ kind }) => kind),
    ['user_registered', 'login'],
  )
})

t.test('a token without a random part acts for nobody, either, when a backup of before the upgrade is restored', async (t) => {
  const old = oldDatabases[0] as OldDatabase
  const { ofBob } = old.sessions
  const file = writeOldDatabase(t, old)
  forgetFrom(file, { user: 2, session: Number(ofBob.id) })
  const app = await startOn(t, file, old)
  await register(app, 'carol')
  const carol = await logIn(app, 'carol')
  t.equal(claimsOf(carol.access).user_id, claimsOf(ofBob.access).user_id)
  t.equal(rowOf(carol), rowOf(ofBob))
  t.strictSame(await ask({ app, client: old.client }, ofBob), refusedEverywhere())
  t.strictSame(answerOf(await post(app, HEADER, {}, bearer(carol.access))), authenticated)
})

/** Makes a database of one that was copied before these ids were given. */
function forgetFrom(file: string, { user, session }: { user: number; session: number }): void {
  const db = new SQLite(file)
  db.prepare('delete from sessions where id >= ?').run(session)
  db.prepare('delete from users where id >= ?').run(user)
  const last = db.prepare('update sqlite_sequence set seq = ? where name = ?')
  last.run(session - 1, 'sessions')
  last.run(user - 1, 'users')
  db.close()
}

t.test('after the restore of a backup a session of before it goes on', async (t) => {
  const { app, before } = await restore(t)
  t.strictSame(answerOf(await post(app, HEADER, {}, bearer(before.access))), authenticated)
  const answer = await post(app, REFRESH, { refresh: before.refresh })
  t.equal(answer.statusCode, 200)
  t.equal((await get(app, ME, answer.json().access)).json().username, 'alice')
  t.equal(claimsOf(answer.json().access).sid, claimsOf(before.access).sid)
})
