// `npm test` upgrades every database of before, and holds what else an upgrade promises on some of them. Here on all.
import t from 'tap'
import { oldDatabases } from '../upgrade/old-databases.ts'
import { answersReplaced, endsSessions, revivesNothing, seesReuse } from '../upgrade/promises.ts'

for (const old of oldDatabases) {
  if (old.sessions.reusable !== undefined) {
    t.test(`after the upgrade of ${old.name} a replaced refresh token is answered with its successor`, (t) => answersReplaced(t, old))
    t.test(`after the upgrade of ${old.name} the reuse of a refresh token ends its session`, (t) => seesReuse(t, old))
  }
  t.test(`the upgrade of ${old.name} revives no session that had ended`, (t) => revivesNothing(t, old))
  t.test(`after the upgrade of ${old.name} each way to end a session ends those of before`, (t) => endsSessions(t, old))
}
