import fc from 'fast-check'
import type { Test } from 'tap'
import { expiryLine, listExpiredSessions } from '../../db/expired-sessions.ts'
import { STEADY_AFTER_MS } from '../../domain/clock.ts'
import { build, register, type TestApp } from '../helper.ts'
import type { Mode } from './reference.ts'
import { drawn, PASSWORDS, steps } from './steps.ts'
import { agree, Pick, World } from './world.ts'

// Runs random sequences of what clients, thieves, users and the operator do, on the service and on the reference, and compares them.

const STEPS_A_RUN = 150

type Step = (typeof steps)[string]
type Cleanup = Parameters<typeof build>[0]
type Drawn = typeof drawn extends fc.Arbitrary<infer Value> ? Value : never

const MODES: readonly [Mode, grace: number][] = [
  ['on', 30],
  ['on', 0],
  ['confirmed', 30],
  ['confirmed', 0],
  ['off', 30],
]

/** Builds the service with these settings, in one process or more, on an empty database. */
export type Builder = (t: Cleanup, env: Record<string, string>) => Promise<readonly TestApp[]>

const buildOne: Builder = async (t, env) => [await build(t, env)]

async function world(t: Cleanup, builder: Builder, mode: Mode, grace: number): Promise<World> {
  const rules = { mode, grace, accessTtl: 20, refreshTtl: 100, maxAge: 400, sessionsPerUser: 3 }
  const apps = await builder(t, {
    LIMITS: 'off',
    REFRESH_ROTATION: mode,
    REFRESH_REUSE_GRACE: String(grace),
    ACCESS_TOKEN_TTL: '20',
    REFRESH_TOKEN_TTL: '100',
    SESSION_MAX_AGE: '400',
    SESSIONS_PER_USER: '3',
    // The reference deletes nothing, and a session that began while the clock was 40 days behind has ended long ago.
    SESSION_HISTORY: '315360000',
  })
  const users = ['alice', 'bob'].map((name) => ({ name, isActive: true, password: PASSWORDS[0] as string }))
  for (const { name, password } of users) await register(apps[0] as TestApp, name, password)
  return new World(apps, rules, users)
}

/** Compares the ends of all sessions, their times and reasons, and what has expired in the database with those of the reference. */
async function compareSessions(world: World): Promise<void> {
  const { app, reference } = world
  const rows = await app.db.read.selectFrom('sessions').select(['ended_at', 'end_reason']).orderBy('id').execute()
  const seen = rows.map(({ ended_at, end_reason }) => [ended_at, end_reason])
  const expected = reference.sessions.map(({ endedAt, reason }) => [endedAt ?? null, reason ?? null])
  agree('sessions', seen, expected)
  const now = world.now()
  const expired = await listExpiredSessions(app.db.read, { ...expiryLine(now, reference.rules.accessTtl), limit: rows.length + 1 })
  agree(
    'expiries',
    expired.map(({ id, at }) => [id - 1, at]).sort(([one], [other]) => Number(one) - Number(other)),
    reference.expired(now),
  )
}

/** Does the steps of a run on a new service and a new reference. Returns the number of steps. */
async function doSteps(builder: Builder, mode: Mode, grace: number, run: readonly Drawn[]): Promise<number> {
  const cleanups: (() => unknown)[] = []
  const it = await world({ teardown: (cleanup) => void cleanups.push(cleanup) }, builder, mode, grace)
  try {
    for (const { name, numbers } of run) await (steps[name] as Step)(it, new Pick(numbers))
    await compareSessions(it)
    it.advance(STEADY_AFTER_MS / 1000)
    await compareSessions(it)
  } finally {
    for (const cleanup of cleanups) await cleanup()
  }
  return run.length
}

/** Declares a test for each mode, with this number of runs, and one that all took more than `least` steps. */
export function compareInEveryMode(t: Test, runs: number, least: number, builder: Builder = buildOne): void {
  const aRun = fc.array(drawn, { minLength: STEPS_A_RUN, maxLength: STEPS_A_RUN })
  let done = 0
  for (const [mode, grace] of MODES) {
    t.test(`with REFRESH_ROTATION=${mode} and a grace of ${grace} s the service does what the reference does`, async (t) => {
      const property = fc.asyncProperty(aRun, async (run) => {
        done += await doSteps(builder, mode, grace, run)
      })
      await fc.assert(property, { numRuns: runs, endOnFailure: true })
      t.pass(`${runs} runs of ${STEPS_A_RUN} steps`)
    })
  }
  t.test(`these tests took more than ${least} steps`, async (t) => {
    t.ok(done > least, `${done} steps`)
  })
}
