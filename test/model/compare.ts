import fc from 'fast-check'
import type { Test } from 'tap'
import { sweep } from '../../domain/sweeping.ts'
import { build, register } from '../helper.ts'
import type { Mode } from './reference.ts'
import { drawn, PASSWORDS, steps } from './steps.ts'
import { agree, Pick, World } from './world.ts'

// Random interleavings of what clients, thieves, users and the operator do, on the service and on the reference: no difference.

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

async function world(t: Cleanup, mode: Mode, grace: number): Promise<World> {
  const rules = { mode, grace, accessTtl: 20, refreshTtl: 100, maxAge: 400, sessionsPerUser: 3 }
  const app = await build(t, {
    LIMITS: 'off',
    REFRESH_ROTATION: mode,
    REFRESH_REUSE_GRACE: String(grace),
    ACCESS_TOKEN_TTL: '20',
    REFRESH_TOKEN_TTL: '100',
    SESSION_MAX_AGE: '400',
    SESSIONS_PER_USER: '3',
  })
  const users = ['alice', 'bob'].map((name) => ({ name, isActive: true, password: PASSWORDS[0] as string }))
  for (const { name, password } of users) await register(app, name, password)
  return new World(app, rules, users)
}

/** Every session has ended in the database as in the reference, at the same time and for the same reason. */
async function compareSessions({ app, reference }: World): Promise<void> {
  // When what has expired is marked so is nobody's business: the instant that is kept is that of the expiry.
  await sweep(app)
  reference.sweep(app.clock())
  const rows = await app.db.read.selectFrom('sessions').select(['ended_at', 'end_reason']).orderBy('id').execute()
  const seen = rows.map(({ ended_at, end_reason }) => [ended_at, end_reason])
  const expected = reference.sessions.map(({ endedAt, reason }) => [endedAt ?? null, reason ?? null])
  agree('sessions', seen, expected)
}

/** Does the steps of a run on a new service and a new reference, and tells how many they were. */
async function doSteps(mode: Mode, grace: number, run: readonly Drawn[]): Promise<number> {
  const cleanups: (() => unknown)[] = []
  const it = await world({ teardown: (cleanup) => void cleanups.push(cleanup) }, mode, grace)
  try {
    for (const { name, numbers } of run) await (steps[name] as Step)(it, new Pick(numbers))
    await compareSessions(it)
  } finally {
    for (const cleanup of cleanups) await cleanup()
  }
  return run.length
}

/** Declares a test a mode, of this number of runs, and one that they were more than `least` steps in all. */
export function compareInEveryMode(t: Test, runs: number, least: number): void {
  const aRun = fc.array(drawn, { minLength: STEPS_A_RUN, maxLength: STEPS_A_RUN })
  let done = 0
  for (const [mode, grace] of MODES) {
    t.test(`with REFRESH_ROTATION=${mode} and a grace of ${grace} s the service does what the reference does`, async (t) => {
      const property = fc.asyncProperty(aRun, async (run) => {
        done += await doSteps(mode, grace, run)
      })
      await fc.assert(property, { numRuns: runs, endOnFailure: true })
      t.pass(`${runs} runs of ${STEPS_A_RUN} steps`)
    })
  }
  t.test(`that were more than ${least} steps`, async (t) => {
    t.ok(done > least, `${done} steps`)
  })
}
