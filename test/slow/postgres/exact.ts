import type { Test } from 'tap'
import { postRequest } from '../../../harness/client.ts'
import { logIn, register, verify } from '../../../harness/requests.ts'
import { PASSWORD } from '../../helper.ts'
import { invalid, TAKEN } from '../../wire/wire.ts'
import { isAnswer } from '../refusals.ts'
import type { Ask, Seen } from '../two-processes.ts'
import type { startTogether } from './instances.ts'

// What three instances must count exactly, whatever comes at once.

type Start = typeof startTogether

export const NAMES = 100
const GUESSES_AT_ONCE = 25

export const times = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i))

/** How many answers have each status. */
export const counts = (answers: readonly Seen[]) =>
  answers.reduce<Record<number, number>>((sum, { status }) => Object.assign(sum, { [status]: (sum[status] ?? 0) + 1 }), {})

/** Guesses that are spread over the instances count as if all were made at one. */
export async function countGuesses(t: Test, start: Start): Promise<void> {
  const limits = { LIMITS: 'on', TRUST_PROXY: '127.0.0.1', LOGIN_FIRST_DELAY: '600', LOGIN_SLOW_LANE: '600' }
  const { asks, any } = await start(t, 3, limits)
  for (const name of ['alice', 'bob']) await any(register(name, PASSWORD))
  const guess = (i: number, username: string, from: string, password = `wrong horse ${i}`) =>
    (asks[i % asks.length] as Ask)(postRequest('/api/token/', JSON.stringify({ username, password }), { 'x-forwarded-for': from }))

  // One name or address is counted by one transaction after the other: more at once would wait longer than a service lets them.
  const guesses = async (count: number, make: (i: number) => Promise<Seen>) => {
    const answers: Seen[] = []
    while (answers.length < count) answers.push(...(await Promise.all(times(GUESSES_AT_ONCE, (i) => make(answers.length + i)))))
    return counts(answers)
  }
  t.same(await guesses(100, (i) => guess(i, 'alice', '192.0.2.1')), { 401: 10, 429: 90 }, 'of one name from one address')
  t.same(await guesses(400, (i) => guess(i, `nobody-${i}`, '192.0.2.2')), { 401: 300, 429: 100 }, 'of many names from one address')
  t.same(await guesses(200, (i) => guess(i, 'bob', `198.18.0.${i}`)), { 401: 100, 429: 100 }, 'of one name from many addresses')
}

/** Of registrations of one name at once one makes a user. */
export async function registerOnce(t: Test, start: Start): Promise<void> {
  const { server, asks } = await start(t)
  const taken = { status: 400, body: invalid({ username: TAKEN }).body }
  for (let i = 0; i < NAMES; i++) {
    // They are one name to people.
    const forms = [`zoë-${i}`, `Zoe\u0308-${i}`, `ZOË-${i}`].map((name) => encoded(name))
    const answers = await Promise.all(forms.flatMap((form) => asks.map((ask) => ask(form))))
    const others = answers.filter(({ status }) => status !== 201)
    t.same([answers.length - others.length, others.every((answer) => isAnswer(answer, taken))], [1, true], `round ${i}`)
  }
  t.same(await server.column('select count(*)::int from users'), [NAMES])
}

/** A registration whose body is ASCII, as the client of the harness wants it. */
function encoded(username: string): string {
  const ascii = JSON.stringify({ username, password: PASSWORD }).replace(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return postRequest('/api/users/', ascii)
}

/** Of many logins of a user at once as many sessions live as the user may have. */
export async function keepThree(t: Test, start: Start): Promise<void> {
  const { server, any } = await start(t, 3, { SESSIONS_PER_USER: '3' })
  const live = 'select count(*)::int from sessions where ended_at is null and user_id ='
  for (let user = 1; user <= 5; user++) {
    await any(register(`user-${user}`, PASSWORD))
    const answers = await Promise.all(times(50, () => any(logIn(`user-${user}`, PASSWORD))))
    t.same(counts(answers), { 200: 50 })
    t.same(await server.column(`${live} ${user}`), [3])
    const good = await Promise.all(answers.map(({ body }) => any(verify((body as { access: string }).access))))
    t.same(counts(good), { 200: 3, 401: 47 })
  }
}
