import t from 'tap'
import { setPasswordHash } from '../../db/users.ts'
import { noOrigin } from '../../domain/events/record.ts'
import { fold } from '../../domain/text.ts'
import { claimsOf, logIn, PASSWORD, post } from '../helper.ts'
import { logOutUser, setActive, setFlags } from '../operator.ts'
import { answerOf, invalid, LOGIN, OBTAIN, REGISTER, success } from '../wire/wire.ts'
import { confirmed, denied, ended, type House, house, inactive, last, missing, NEXT } from './administration.ts'
import { wrong } from './me.ts'

const patch = (house: House, name: keyof House['ids'], body: object, who: keyof House['ids'] = 'root') =>
  house.ask(who, 'PATCH', `/api/users/${house.ids[name]}/`, { ...body, ...confirmed })

/** Kind, reason, user, name of before and who did it, of the events since there were so many. */
async function eventsSince({ app }: House, count: number) {
  const rows = await app.db.read.selectFrom('auth_events').selectAll().orderBy('id').execute()
  return rows
    .slice(count)
    .map(({ kind, reason, username, subject, actor_name, address }) => ({ kind, reason, username, subject, actor_name, address }))
}

t.test('each change is an event of the user, which says who did it and from where', async (t) => {
  const one = await house(t)
  const { bert } = one.ids
  const { events } = await one.rows()
  await patch(one, 'bert', { username: 'albert', is_staff: true, is_active: false })
  await patch(one, 'bert', { is_active: true, is_staff: false })
  await patch(one, 'bert', { is_active: true })
  await one.ask('root', 'POST', `/api/users/${bert}/password/`, { new_password: NEXT, ...confirmed })
  await logIn(one.app, 'albert', NEXT)
  await one.ask('sam', 'DELETE', `/api/users/${bert}/sessions/`)
  await one.ask('sam', 'DELETE', `/api/users/${bert}/sessions/`)
  const sid = claimsOf((await logIn(one.app, 'albert', NEXT)).access).sid
  await one.ask('sam', 'DELETE', `/api/users/${bert}/sessions/${sid}/`)
  await one.ask('root', 'POST', `/api/users/${bert}/delete/`, confirmed)
  await one.ask('root', 'POST', '/api/users/create/', { username: 'new', password: NEXT, is_staff: true, ...confirmed })
  await patch(one, 'root', { username: 'boss' })
  const albert = { reason: null, username: 'albert', subject: null, actor_name: 'root', address: '127.0.0.1' }
  t.same(await eventsSince(one, events), [
    { ...albert, kind: 'session_ended', reason: 'user_disabled', username: 'bert' },
    { ...albert, kind: 'user_disabled' },
    { ...albert, kind: 'user_changed', reason: 'username is_staff', subject: 'bert' },
    { ...albert, kind: 'user_enabled' },
    { ...albert, kind: 'user_changed', reason: 'is_staff' },
    { ...albert, kind: 'password_set' },
    { ...albert, kind: 'login', actor_name: null },
    { ...albert, kind: 'session_ended', reason: 'admin', actor_name: 'sam' },
    { ...albert, kind: 'sessions_ended', actor_name: 'sam' },
    // The login in between is counted with the one before.
    { ...albert, kind: 'session_ended', reason: 'admin', actor_name: 'sam' },
    { ...albert, kind: 'user_deleted' },
    { ...albert, kind: 'user_created', username: 'new' },
    { ...albert, kind: 'user_changed', reason: 'username', username: 'boss', subject: 'root', actor_name: null },
  ])
})

t.test('staff reads the events of a user, also of one who is deleted, of a kind, and of both', async (t) => {
  const one = await house(t)
  const { bert } = one.ids
  await patch(one, 'bert', { is_active: false })
  await one.ask('root', 'POST', `/api/users/${bert}/delete/`, confirmed)
  const kinds = async (query: string) => {
    const found: string[] = []
    for (let cursor = ''; ; ) {
      const { results, next } = (await one.ask('sam', 'GET', `/api/events/?limit=2${query}${cursor}`)).json()
      found.push(...results.map(({ kind, username, actor_name }: Record<string, string>) => `${kind} ${username} ${actor_name}`))
      if (next === null) return found
      cursor = `&cursor=${next}`
    }
  }
  const ofBert = [
    'user_deleted bert root',
    'user_disabled bert root',
    'session_ended bert root',
    'login bert null',
    'user_registered bert null',
  ]
  t.same(await kinds(`&user=${bert}`), ofBert)
  t.same(await kinds('&kind=user_deleted'), ['user_deleted bert root'])
  t.same(await kinds(`&kind=login&user=${bert}`), ['login bert null'])
  t.same(await kinds(`&kind=key_retired&user=${bert}`), [])
  t.same(await kinds('&user=999'), [])
  t.equal((await kinds('')).length, (await one.rows()).events)
})

t.test('one PATCH is done as a whole, or not at all', async (t) => {
  const one = await house(t)
  const before = await one.rows()
  t.strictSame(answerOf(await patch(one, 'bert', { is_active: false, is_staff: true }, 'sam')), denied, 'the second part is for superusers')
  const taken = invalid({ username: ['user login with this username already exists.'] })
  t.strictSame(answerOf(await patch(one, 'bert', { is_active: false, username: 'Anna' })), taken)
  t.same(await one.rows(), before)
  t.match((await patch(one, 'bert', {}, 'sam')).json(), { username: 'bert', is_active: true }, 'nothing is no change')
  t.match((await patch(one, 'bert', { is_active: true, is_staff: false, username: 'bert' })).json(), { username: 'bert' })
  t.same(await one.rows(), before)
})

t.test('the name that a user has already is no change, also where an import has brought the same in another case', async (t) => {
  const one = await house(t)
  await one.app.db.write((handle) =>
    handle.updateTable('users').set({ username: 'BERT', username_key: 'bert' }).where('username', '=', 'anna').execute(),
  )
  t.match((await patch(one, 'bert', { username: 'bert', is_active: false })).json(), { username: 'bert', is_active: false })
  const taken = invalid({ username: ['user login with this username already exists.'] })
  t.strictSame(answerOf(await patch(one, 'bert', { username: 'Bert' })), taken)
})

t.test('the name that a user has already is no change, also where an import has brought what no new name may be', async (t) => {
  const one = await house(t)
  for (const username of ['x'.repeat(254), 'b\u202eert', '\u200b', 'be\u0301rt']) {
    await one.app.db.write((handle) =>
      handle
        .updateTable('users')
        .set({ username, username_key: fold(username) })
        .where('id', '=', one.ids.bert)
        .execute(),
    )
    const { events } = await one.rows()
    const answer = await patch(one, 'bert', { username, is_staff: true })
    t.match(answer.json(), { username, is_staff: true }, JSON.stringify(username.slice(0, 9)))
    t.match(await eventsSince(one, events), [{ kind: 'user_changed', reason: 'is_staff', subject: null }])
    await one.restore()
  }
})

t.test('a name is taken also where a table that was changed by other means has another folded name beside it', async (t) => {
  const one = await house(t)
  await one.app.db.write((handle) => handle.updateTable('users').set({ username_key: 'x' }).where('username', '=', 'anna').execute())
  const taken = invalid({ username: ['user login with this username already exists.'] })
  t.strictSame(answerOf(await patch(one, 'bert', { username: 'anna' })), taken)
  t.strictSame(answerOf(await one.ask('root', 'POST', '/api/users/create/', { username: 'anna', password: NEXT, ...confirmed })), taken)
  t.strictSame(answerOf(await post(one.app, REGISTER, { username: 'anna', password: NEXT })), taken)
  t.match((await patch(one, 'anna', { username: 'Anna' })).json(), { username: 'Anna' }, 'the own one is not taken')
})

t.test('who is disabled or demoted is refused by the next request, whatever the token says', async (t) => {
  const one = await house(t)
  const list = async (who: 'sam' | 'root') => answerOf(await one.ask(who, 'GET', '/api/users/'))
  t.equal((await list('sam')).status, 200)
  await setFlags(one.app, 'sam', { isStaff: false })
  t.strictSame(await list('sam'), denied)
  await setFlags(one.app, 'sam', { isStaff: true })
  t.equal((await list('sam')).status, 200)
  await setActive(one.app, 'sam', false)
  t.strictSame(await list('sam'), inactive)
  await setFlags(one.app, 'root', { isSuperuser: false })
  t.equal((await list('root')).status, 200)
  t.strictSame(answerOf(await patch(one, 'bert', { is_staff: true })), denied)
  await setFlags(one.app, 'root', { isStaff: false, isSuperuser: true })
  t.strictSame(await list('root'), denied, 'a superuser who is no staff')
})

/** Lets something happen after a request was let through, and before its transaction. */
function beforeWrite({ app }: House, happen: () => Promise<unknown>): void {
  const { write } = app.db
  app.db.write = async (...job) => {
    app.db.write = write
    await happen()
    return write.apply(app.db, job) as never
  }
}

t.test('who loses the right while a request is under way does nothing by it', async (t) => {
  const one = await house(t)
  const { bert } = one.ids
  const calls = [
    ['PATCH', `/api/users/${bert}/`, { is_active: false, ...confirmed }],
    ['POST', `/api/users/${bert}/password/`, { new_password: NEXT, ...confirmed }],
    ['POST', `/api/users/${bert}/delete/`, confirmed],
    ['POST', '/api/users/create/', { username: 'new', password: NEXT, ...confirmed }],
    ['DELETE', `/api/users/${bert}/sessions/`, undefined],
    ['DELETE', `/api/users/${bert}/sessions/${one.sids.bert}/`, undefined],
  ] as const
  const losses = [
    [() => setActive(one.app, 'root', false), inactive],
    [() => setFlags(one.app, 'root', { isStaff: false }), denied],
    [() => logOutUser(one.app, 'root'), ended],
  ] as const
  for (const [method, url, body] of calls) {
    for (const [lose, refusal] of losses) {
      beforeWrite(one, lose)
      t.strictSame(answerOf(await one.ask('root', method, url, body)), refusal, `${method} ${url}`)
      const { users, sessions } = await one.rows()
      t.match(
        users.find(({ id }) => id === bert),
        { username: 'bert', is_active: 1, password: /argon2/ },
      )
      t.equal(users.length, 8)
      t.equal(sessions.find(({ user_id }) => user_id === bert)?.ended_at, null)
      await one.restore()
    }
  }
})

t.test('a user who is disabled while deleting the own account is not deleted', async (t) => {
  const one = await house(t)
  beforeWrite(one, () => setActive(one.app, 'bert', false))
  t.strictSame(answerOf(await one.ask('bert', 'POST', '/api/users/me/delete/', { password: PASSWORD })), inactive)
  t.match((await one.ask('sam', 'GET', `/api/users/${one.ids.bert}/`)).json(), { username: 'bert', is_active: false })
})

t.test('a user whose password is changed while deleting the own account is not deleted by the one of before', async (t) => {
  const one = await house(t)
  const leave = (password: string) => one.ask('bert', 'POST', '/api/users/me/delete/', { password })
  beforeWrite(one, async () => {
    const password = await one.app.hashing.hash(noOrigin, NEXT)
    await one.app.db.write((handle) => setPasswordHash(handle, one.ids.bert, password, one.app.clock()))
  })
  t.strictSame(answerOf(await leave(PASSWORD)), wrong('password'))
  t.match((await one.ask('sam', 'GET', `/api/users/${one.ids.bert}/`)).json(), { username: 'bert', is_active: true })
  t.strictSame(answerOf(await leave(NEXT)), success(200, {}))
})

t.test('a user who becomes staff while staff disables them is not disabled', async (t) => {
  const one = await house(t)
  beforeWrite(one, () => setFlags(one.app, 'bert', { isStaff: true }))
  t.strictSame(answerOf(await patch(one, 'bert', { is_active: false }, 'sam')), denied)
})

t.test('a superuser disables who becomes staff meanwhile only with the own password', async (t) => {
  const one = await house(t)
  const disable = (body: object) => one.ask('root', 'PATCH', `/api/users/${one.ids.bert}/`, { is_active: false, ...body })
  beforeWrite(one, () => setFlags(one.app, 'bert', { isStaff: true }))
  t.strictSame(answerOf(await disable({})), invalid({ current_password: ['This field is required.'] }))
  t.match((await one.ask('root', 'GET', `/api/users/${one.ids.bert}/`)).json(), { is_active: true, is_staff: true })
  t.match((await disable(confirmed)).json(), { is_active: false, is_staff: true })
})

t.test('of two superusers who demote, disable or delete each other at the same instant one is left', async (t) => {
  const one = await house(t)
  await setActive(one.app, 'evan', false)
  const { root, rita } = one.ids
  const ways = [
    (who: 'root' | 'rita', whom: number) => one.ask(who, 'PATCH', `/api/users/${whom}/`, { is_superuser: false, ...confirmed }),
    (who: 'root' | 'rita', whom: number) => one.ask(who, 'PATCH', `/api/users/${whom}/`, { is_active: false, ...confirmed }),
    (who: 'root' | 'rita', whom: number) => one.ask(who, 'POST', `/api/users/${whom}/delete/`, confirmed),
  ]
  for (const way of ways) {
    for (let round = 0; round < 5; round++) {
      const answers = await Promise.all([way('root', rita), way('rita', root)])
      t.equal(answers.filter(({ statusCode }) => statusCode === 200).length, 1)
      const { users } = await one.rows()
      t.equal(users.filter(({ is_active, is_staff, is_superuser }) => is_active && is_staff && is_superuser).length, 1)
      await one.restore()
      await setActive(one.app, 'evan', false)
    }
  }
})

t.test('of two superusers who delete their own accounts at the same instant one is left', async (t) => {
  const one = await house(t)
  await setActive(one.app, 'evan', false)
  for (let round = 0; round < 5; round++) {
    const leave = (who: 'root' | 'rita') => one.ask(who, 'POST', '/api/users/me/delete/', { password: PASSWORD })
    const answers = await Promise.all([leave('root'), leave('rita')])
    t.same(answers.map(({ statusCode }) => statusCode).sort(), [200, 409])
    t.strictSame(answerOf(answers.find(({ statusCode }) => statusCode === 409) as (typeof answers)[number]), last)
    await one.restore()
    await setActive(one.app, 'evan', false)
  }
})

t.test('two admins who work on one user or one name at the same instant leave no half', async (t) => {
  const one = await house(t)
  const { bert, anna } = one.ids
  const statuses = async (...asked: ReturnType<House['ask']>[]) => (await Promise.all(asked)).map(({ statusCode }) => statusCode).sort()
  const create = (who: 'root' | 'rita') => one.ask(who, 'POST', '/api/users/create/', { username: 'new', password: NEXT, ...confirmed })
  t.same(await statuses(create('root'), create('rita')), [201, 400])
  const rename = (who: 'root' | 'rita', id: number) => one.ask(who, 'PATCH', `/api/users/${id}/`, { username: 'Same', ...confirmed })
  t.same(await statuses(rename('root', bert), rename('rita', anna)), [200, 400])
  const remove = (who: 'root' | 'rita') => one.ask(who, 'POST', `/api/users/${bert}/delete/`, confirmed)
  t.same(await statuses(remove('root'), remove('rita')), [200, 404])
  t.strictSame(answerOf(await remove('root')), missing)
  const end = (who: 'root' | 'sam') => one.ask(who, 'DELETE', `/api/users/${anna}/sessions/${one.sids.anna}/`)
  t.same(await statuses(end('root'), end('sam')), [204, 404])
})

t.test('the own password of a superuser is guessed no faster there than at a login', async (t) => {
  const one = await house(t, { LIMITS: 'on' })
  const guess = (current_password: string) => one.ask('root', 'PATCH', `/api/users/${one.ids.bert}/`, { is_staff: true, current_password })
  for (let i = 0; i < 10; i++) t.strictSame(answerOf(await guess(`wrong ${i}`)), wrong('current_password'))
  const refused = await guess(PASSWORD)
  t.match([refused.statusCode, refused.json().code, refused.headers['retry-after']], [429, 'throttled', /^\d+$/])
  t.equal((await post(one.app, OBTAIN, { username: 'root', password: PASSWORD })).statusCode, 429, 'and it counts as a login')
  t.equal((await patch(one, 'bert', { is_active: false }, 'sam')).statusCode, 200, 'others go on')
})

t.test('a password that is set ends all sessions, and is the only one from then on', async (t) => {
  const one = await house(t)
  const url = `/api/users/${one.ids.bert}/password/`
  t.strictSame(answerOf(await one.ask('root', 'POST', url, { new_password: NEXT, ...confirmed })), success(200, {}))
  t.strictSame(answerOf(await one.ask('bert', 'GET', '/api/users/me/')), ended)
  t.equal((await post(one.app, LOGIN, { username: 'bert', password: PASSWORD })).statusCode, 401)
  t.equal((await post(one.app, LOGIN, { username: 'bert', password: NEXT })).statusCode, 200)
})

t.test('a user who is renamed logs in by the new name, and the sessions go on', async (t) => {
  const one = await house(t)
  t.match((await patch(one, 'bert', { username: ' Zoe\u0308 ' })).json(), { username: 'Zo\u00eb' })
  t.match((await one.ask('bert', 'GET', '/api/users/me/')).json(), { username: 'Zo\u00eb' })
  t.equal((await post(one.app, LOGIN, { username: 'bert', password: PASSWORD })).statusCode, 401)
  t.equal((await post(one.app, LOGIN, { username: 'zoe\u0308', password: PASSWORD })).statusCode, 401, 'case counts')
  t.equal((await post(one.app, LOGIN, { username: 'Zoe\u0308', password: PASSWORD })).statusCode, 200)
  t.match((await patch(one, 'bert', { username: 'ZOË' })).json(), { username: 'ZOË' }, 'the own name in another case')
  const taken = invalid({ username: ['user login with this username already exists.'] })
  t.strictSame(answerOf(await one.ask('root', 'POST', '/api/users/create/', { username: 'zoë', password: NEXT, ...confirmed })), taken)
  t.equal((await one.ask('root', 'POST', '/api/users/create/', { username: 'bert', password: NEXT, ...confirmed })).statusCode, 201)
})

t.test('a superuser creates users while registration is closed, and they log in', async (t) => {
  const one = await house(t)
  const closed = { ...one.app.config, registration: 'closed' as const }
  Object.assign(one.app.config, closed)
  const answer = await one.ask('root', 'POST', '/api/users/create/', {
    username: ' New ',
    password: NEXT,
    is_superuser: true,
    ...confirmed,
  })
  const created = {
    id: 9,
    username: 'New',
    last_login: null,
    is_superuser: true,
    is_active: true,
    is_staff: false,
    date_joined: '2026-01-01T00:00:00.000Z',
  }
  t.strictSame(answerOf(answer), success(201, created))
  one.app.clock.advance(5)
  await logIn(one.app, 'New', NEXT)
  t.match((await one.ask('sam', 'GET', '/api/users/9/')).json(), { ...created, last_login: '2026-01-01T00:00:05.000Z' })
})
