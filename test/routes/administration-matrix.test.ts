import t, { type Test } from 'tap'
import { PASSWORD } from '../helper.ts'
import { answerOf, success } from '../wire/wire.ts'
import {
  anonymous,
  confirmed,
  denied,
  ended,
  type House,
  house,
  inactive,
  last,
  missing,
  type Name,
  NEXT,
  NOW,
  ownFlags,
} from './administration.ts'

// Every call, by everybody, on everybody.

/** The columns: whose account it is. The last superuser is one while all others are disabled. */
const TARGETS = ['self', 'user', 'staff', 'superuser', 'last superuser', 'missing'] as const
/** The rows: who asks. Disabled staff, and a superuser whose session has ended, are 401 whatever they ask. */
const ACTORS = { user: 'anna', staff: 'sam', superuser: 'root' } as const
type Target = (typeof TARGETS)[number]

interface Call {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly body?: object
  /** The answer of each cell, row by row: a word of `REFUSALS`, or a status with which it succeeds. */
  readonly cells: readonly [user: string, staff: string, superuser: string]
  /** The body of a success. */
  readonly shown: (user: object, house: House, name: Name) => unknown
}

const REFUSALS = { '403': denied, '404': missing, own: ownFlags, last }
const ALL_DENIED = '403 403 403 403 403 403'
const FOR_SUPERUSERS = [ALL_DENIED, ALL_DENIED] as const
const READING = [ALL_DENIED, '200 200 200 200 200 404', '200 200 200 200 200 404'] as const
const ENDING = [ALL_DENIED, '403 204 403 403 403 404', '204 204 204 204 204 404'] as const

const CALLS: Readonly<Record<string, Call>> = {
  'see a user': { method: 'GET', path: '/api/users/{id}/', cells: READING, shown: (user) => user },
  'see the sessions': {
    method: 'GET',
    path: '/api/users/{id}/sessions/',
    cells: READING,
    shown: (_, { sids }, name) => [sessionOf(sids[name])],
  },
  'end all sessions': { method: 'DELETE', path: '/api/users/{id}/sessions/', cells: ENDING, shown: () => '' },
  'end a session': { method: 'DELETE', path: '/api/users/{id}/sessions/{sid}/', cells: ENDING, shown: () => '' },
  disable: {
    method: 'PATCH',
    path: '/api/users/{id}/',
    body: { is_active: false, ...confirmed },
    cells: [ALL_DENIED, '403 200 403 403 403 404', 'own 200 200 200 own 404'],
    shown: (user) => ({ ...user, is_active: false }),
  },
  enable: {
    method: 'PATCH',
    path: '/api/users/{id}/',
    body: { is_active: true, ...confirmed },
    cells: [ALL_DENIED, '403 200 403 403 403 404', '200 200 200 200 200 404'],
    shown: (user) => ({ ...user, is_active: true }),
  },
  'make staff': {
    method: 'PATCH',
    path: '/api/users/{id}/',
    body: { is_staff: true, ...confirmed },
    cells: [...FOR_SUPERUSERS, '200 200 200 200 200 404'],
    shown: (user) => ({ ...user, is_staff: true }),
  },
  'take staff away': {
    method: 'PATCH',
    path: '/api/users/{id}/',
    body: { is_staff: false, ...confirmed },
    cells: [...FOR_SUPERUSERS, 'own 200 200 200 own 404'],
    shown: (user) => ({ ...user, is_staff: false }),
  },
  'take all flags away': {
    method: 'PATCH',
    path: '/api/users/{id}/',
    body: { is_superuser: false, is_staff: false, is_active: false, ...confirmed },
    cells: [...FOR_SUPERUSERS, 'own 200 200 200 own 404'],
    shown: (user) => ({ ...user, is_superuser: false, is_staff: false, is_active: false }),
  },
  rename: {
    method: 'PATCH',
    path: '/api/users/{id}/',
    body: { username: ' renamed ', ...confirmed },
    cells: [...FOR_SUPERUSERS, '200 200 200 200 200 404'],
    shown: (user) => ({ ...user, username: 'renamed' }),
  },
  'set the password': {
    method: 'POST',
    path: '/api/users/{id}/password/',
    body: { new_password: NEXT, ...confirmed },
    cells: [...FOR_SUPERUSERS, '200 200 200 200 200 404'],
    shown: () => ({}),
  },
  delete: {
    method: 'POST',
    path: '/api/users/{id}/delete/',
    body: confirmed,
    cells: [...FOR_SUPERUSERS, '200 200 200 200 last 404'],
    shown: () => ({}),
  },
}

/** The calls that are about nobody: the answers to a user, to staff and to a superuser. */
const ABOUT_NOBODY = [
  ['GET', '/api/users/', undefined, [403, 200, 200]],
  ['GET', '/api/events/', undefined, [403, 200, 200]],
  ['POST', '/api/users/create/', { username: 'new', password: NEXT, ...confirmed }, [403, 403, 201]],
] as const

function sessionOf(id: string) {
  return { id, created_at: NOW, last_used_at: NOW, address: '127.0.0.1', client: 'lightMyRequest' }
}

function nameOf(target: Target, actor: Name): Name {
  const others: Record<Exclude<Target, 'missing'>, Name> = {
    self: actor,
    user: 'bert',
    staff: 'tess',
    superuser: 'rita',
    'last superuser': 'root',
  }
  return target === 'missing' ? 'bert' : others[target]
}

async function testCell(t: Test, house: House, call: Call, actor: Name | undefined, target: Target, expected: string) {
  if (target === 'last superuser') await disableAll(house, ['rita', 'evan'])
  const name = nameOf(target, actor ?? 'bert')
  const before = await house.rows()
  const id = target === 'missing' ? 999 : house.ids[name]
  const url = call.path.replace('{id}', String(id)).replace('{sid}', house.sids[name])
  const answer = answerOf(await house.ask(actor, call.method, url, call.body))
  const refusals = { ...REFUSALS, anonymous, inactive, ended }
  if (expected in refusals) {
    t.strictSame(answer, refusals[expected as keyof typeof refusals])
    t.same(await house.rows(), before, 'nothing is done')
  } else {
    const user = {
      id,
      username: name,
      last_login: NOW,
      is_superuser: isSuperuser(name),
      is_active: true,
      is_staff: isStaff(name),
      date_joined: NOW,
    }
    t.strictSame({ status: answer.status, body: answer.body }, { status: Number(expected), body: call.shown(user, house, name) })
    t.notMatch(JSON.stringify(answer.body), /argon2/)
  }
  if (expected in refusals ? target === 'last superuser' : call.method !== 'GET') await house.restore()
}

const isSuperuser = (name: Name) => ['root', 'rita', 'evan'].includes(name)
const isStaff = (name: Name) => isSuperuser(name) || ['sam', 'tess', 'dora'].includes(name)

async function disableAll({ app }: House, names: readonly Name[]): Promise<void> {
  await app.db.write((handle) => handle.updateTable('users').set({ is_active: 0 }).where('username', 'in', names).execute())
}

const one = await house(t)

for (const [what, call] of Object.entries(CALLS)) {
  t.test(`who may ${what}, and whose`, async (t) => {
    for (const target of TARGETS) {
      const column = TARGETS.indexOf(target)
      for (const [index, [kind, name]] of Object.entries(ACTORS).entries()) {
        const expected = call.cells[index]?.split(' ')[column] as string
        await t.test(`a ${kind}, on ${target}: ${expected}`, (t) => testCell(t, one, call, name, target, expected))
      }
      await t.test(`nobody, on ${target}`, (t) => testCell(t, one, call, undefined, target, 'anonymous'))
      await t.test(`disabled staff, on ${target}`, (t) => testCell(t, one, call, 'dora', target, 'inactive'))
      if (target !== 'last superuser')
        await t.test(`an ended session, on ${target}`, (t) => testCell(t, one, call, 'evan', target, 'ended'))
    }
  })
}

t.test('who may see and do what is about nobody', async (t) => {
  for (const [method, url, body, statuses] of ABOUT_NOBODY) {
    const refusals = [
      [undefined, anonymous],
      ['dora', inactive],
      ['evan', ended],
    ] as const
    for (const [name, refusal] of refusals) t.strictSame(answerOf(await one.ask(name, method, url, body)), refusal, url)
    for (const [index, name] of Object.values(ACTORS).entries()) {
      const answer = answerOf(await one.ask(name, method, url, body))
      if (statuses[index] === 403) t.strictSame(answer, denied, `${name} ${url}`)
      else t.equal(answer.status, statuses[index], `${name} ${url}`)
    }
  }
  await one.restore()
})

t.test('the last active superuser cannot delete the own account, another one can', async (t) => {
  const ask = () => one.ask('root', 'POST', '/api/users/me/delete/', { password: PASSWORD })
  await disableAll(one, ['rita', 'evan'])
  const before = await one.rows()
  t.strictSame(answerOf(await ask()), last)
  t.same(await one.rows(), before)
  await one.restore()
  t.strictSame(answerOf(await ask()), success(200, {}))
  await one.restore()
})
