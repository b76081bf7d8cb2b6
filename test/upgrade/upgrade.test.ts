// Not on PostgreSQL: the databases of earlier versions are files of SQLite.
import t, { type Test } from 'tap'
import { claimsOf, logIn } from '../helper.ts'
import { type OldDatabase, oldDatabases, someOldDatabases, writeOldDatabase } from './old-databases.ts'
import { answersReplaced, endsSessions, logsNobodyOut, revivesNothing, seesReuse } from './promises.ts'
import { goodAccess, isLive, liveSessions, refreshed, showAccess, startOn, upgrade } from './upgraded.ts'

for (const old of oldDatabases) {
  t.test(`the upgrade of ${old.name} logs nobody out`, (t) => logsNobodyOut(t, old))
}

// test/slow/upgrade.slow.ts holds the same of all.
for (const old of someOldDatabases) {
  if (old.sessions.reusable !== undefined) {
    t.test(`after the upgrade of ${old.name} a replaced refresh token is answered with its successor`, (t) => answersReplaced(t, old))
    t.test(`after the upgrade of ${old.name} the reuse of a refresh token ends its session`, (t) => seesReuse(t, old))
  }
  t.test(`the upgrade of ${old.name} revives no session that had ended`, (t) => revivesNothing(t, old))
  t.test(`after the upgrade of ${old.name} each way to end a session ends those of before`, (t) => endsSessions(t, old))
  t.test(`${old.name} upgraded, started under another port and then another URL: nobody is logged out`, (t) => changesAddress(t, old))
}

t.test('an upgrade that sets PUBLIC_URL for the first time logs nobody out', async (t) => {
  for (const old of someOldDatabases) {
    const app = await upgrade(t, old, { PUBLIC_URL: 'https://auth.example.com' })
    for (const [name, session] of liveSessions(old)) {
      const { access } = await refreshed(app, session.refresh)
      t.strictSame(await showAccess(app, old, access), goodAccess(session, access), name)
    }
  }
})

t.test('after an upgrade the sid of a new session has a random part', async (t) => {
  for (const old of someOldDatabases) {
    const { access, refresh } = await logIn(await upgrade(t, old))
    t.match(claimsOf(access).sid, /^\d+-[\w-]{22}$/)
    t.equal(claimsOf(refresh).sid, claimsOf(access).sid)
  }
})

/** These sessions keep the tokens of before the upgrade until the last start; the others refresh at each. */
const PATIENT = ['idle', 'ofBob', 'underEarlierKey']

async function changesAddress(t: Test, old: OldDatabase): Promise<void> {
  const file = writeOldDatabase(t, old)
  let sessions = liveSessions(old)
  for (const address of [{}, { PORT: '4400' }, { PUBLIC_URL: 'https://auth.example.com' }]) {
    const app = await startOn(t, file, old, address)
    const isLast = 'PUBLIC_URL' in address
    for (const [name, session] of sessions) {
      if (isLive(app, session.access)) t.strictSame(await showAccess(app, old, session.access), goodAccess(session, session.access), name)
    }
    sessions = await Promise.all(
      sessions.map(async ([name, session]) => {
        const next = isLast || !PATIENT.includes(name) ? await refreshed(app, session.refresh) : {}
        return [name, { ...session, ...next }] as const
      }),
    )
    await app.close()
  }
}
