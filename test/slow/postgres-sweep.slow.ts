import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import t from 'tap'
import { openDatabase } from '../../db/open.ts'
import { startInstances } from './postgres/instances.ts'
import { type Server, startServer } from './postgres/server.ts'

const SESSIONS = 60_000
const DAY = 86_400
const USERS = `insert into users (username, username_key, password, created_at) select 'user' || i, 'user' || i, '-', 0 from generate_series(1, 1000) i`

/** A server whose database has its tables. */
async function withTables(t: Parameters<typeof startServer>[0]): Promise<Server> {
  const server = await startServer(t)
  await (await openDatabase(server.url())).close()
  return server
}

/** SQL that adds sessions that ended, or else expired, 40 days ago. */
function oldSessions(count: number, hasEnded: boolean): string {
  const end = Math.floor(Date.now() / 1000) - 40 * DAY
  return `insert into sessions (user_id, sid_secret, created_at, refreshed_at, expires_at, refresh_jti, refresh_iat, refresh_exp, replaced, client,
      ended_at, end_reason)
    select 1 + i % 1000, i::text, 0, 0, ${end}000, i::text, ${end - DAY}, ${end}, '', 'Browser/1.0', ${hasEnded ? `${end}000, 'logout'` : 'null, null'}
    from generate_series(1, ${count}) i`
}

const INSTANCES = ['first', 'second', 'third']
/** Of `sweeping.ts`. */
const MOST_BATCH = 500
/** Who deletes sessions, and how many by each statement. */
const COUNTING = `create table deletions (who text, count int);
  create function count_deletion() returns trigger language plpgsql as
    $$ begin insert into deletions select current_user, count(*) from gone; return null; end $$;
  create trigger counting after delete on sessions referencing old table as gone for each statement execute function count_deletion()`

t.test(`three instances delete each of ${SESSIONS} expired sessions once, in small batches, and record nothing of them`, async (t) => {
  const server = await withTables(t)
  for (const role of INSTANCES) await server.sql(`create role ${role} superuser login password 'own'`)
  await server.sql(`${USERS}; ${oldSessions(SESSIONS, false)}; analyze; ${COUNTING}`)
  const began = performance.now()
  await Promise.all(INSTANCES.map((user) => startInstances(t, server.url({ user, password: 'own' }), 1)))
  while ((await server.column<boolean>('select exists (select from sessions)'))[0]) await sleep(100)
  const deleted = await server.sql<{ who: string; sum: number; most: number }>(
    'select who, sum(count)::int as sum, max(count)::int as most from deletions where count > 0 group by who order by who',
  )
  const total = deleted.reduce((all, { sum }) => all + sum, 0)
  t.comment(`${Math.round(performance.now() - began)} ms; ${deleted.map(({ who, sum }) => `the ${who} deleted ${sum}`).join(', ')}`)
  t.equal(total, SESSIONS)
  t.ok(deleted.length > 1, 'it is no work of one alone')
  for (const { who, most } of deleted) t.ok(most <= MOST_BATCH, `the largest batch of the ${who}: ${most}`)
  t.same(await server.column('select kind from auth_events where session_id is not null'), [])
})

t.test('a tally that a login counts in is neither swept nor waited for, and what it has counted stays', async (t) => {
  const server = await withTables(t)
  const tally = (key: string) => `('${key}', 5, 0, 0, 0, 0, 1)`
  await server.sql(
    `${USERS}; ${oldSessions(1, true)};
     insert into tallies (key, count, in_flight, in_flight_until, next_at, since, expires_at) values ${tally('old')}, ${tally('revived')}`,
  )
  const counting = new pg.Client({ connectionString: server.url() })
  await counting.connect()
  t.teardown(() => counting.end())
  await counting.query(`begin; update tallies set count = 6, expires_at = ${Date.now() + DAY * 1000} where key = 'revived'`)
  await startInstances(t, server.url())
  // Ended sessions are swept after the tallies.
  while ((await server.column<boolean>('select exists (select from sessions)'))[0]) await sleep(20)
  t.same(await server.sql('select key, count from tallies order by key'), [{ key: 'revived', count: 5 }], 'the sweep has gone past it')
  await counting.query('commit')
  t.same(await server.sql('select key, count from tallies order by key'), [{ key: 'revived', count: 6 }])
})
