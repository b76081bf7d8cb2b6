import t, { type Test } from 'tap'
import { PASSWORD } from '../helper.ts'
import { answerOf, invalid } from '../wire/wire.ts'
import { confirmed, house, missing, NEXT } from './administration.ts'
import { wrong } from './me.ts'

// What staff may send wrong. Nothing of it changes anything.

const one = await house(t)
const before = await one.rows()

/** A test of what is refused. */
function refuses(name: string, test: (t: Test) => Promise<void>): void {
  t.test(name, async (t) => {
    await test(t)
    t.same(await one.rows(), before, 'nothing is done')
  })
}

const INTEGER = ['A valid integer is required.']
const BOOLEAN = ['Must be a valid boolean.']
const STRING = ['Not a valid string.']
const CURSOR = ['Invalid cursor']
const LEAST = ['Ensure this value is greater than or equal to 1.']
const MOST = ['Ensure this value is less than or equal to 200.']

refuses('a parameter of a wrong type is 400, and says what it must be', async (t) => {
  const wrongIntegers = ['', 'x', '1.5', '1e3', '0x10', '01', '+1', '%201', '1%20', '1_0', 'null', 'true', '%00', '99999999999999999999']
  const wrongFlags = ['', '1', '0', 'yes', 'True', 'TRUE', 'null', 'false%20', '%00']
  const cases: [string, Record<string, string[]>][] = [
    ...wrongIntegers.flatMap((value): [string, Record<string, string[]>][] => [
      [`users/?limit=${value}`, { limit: INTEGER }],
      [`events/?limit=${value}`, { limit: INTEGER }],
      [`events/?user=${value}`, { user: INTEGER }],
    ]),
    ...['is_active', 'is_staff', 'is_superuser'].flatMap((name) =>
      wrongFlags.map((value): [string, Record<string, string[]>] => [`users/?${name}=${value}`, { [name]: BOOLEAN }]),
    ),
    ...['0', '-1'].map((value): [string, Record<string, string[]>] => [`users/?limit=${value}`, { limit: LEAST }]),
    ...['201', '9007199254740991', '9007199254740993'].map((value): [string, Record<string, string[]>] => [
      `users/?limit=${value}`,
      { limit: MOST },
    ]),
    ['events/?user=0', { user: LEAST }],
    ['events/?user=9007199254740993', { user: ['Ensure this value is less than or equal to 9007199254740991.'] }],
    ['users/?limit=1&limit=2', { limit: INTEGER }],
    ['users/?is_staff=true&is_staff=true', { is_staff: BOOLEAN }],
    ['users/?search=a&search=b', { search: STRING }],
    ['users/?cursor=a&cursor=b', { cursor: STRING }],
    ['users/?search=a%00', { search: ['Null characters are not allowed.'] }],
    ['users/?search=a%0a', { search: ['Control characters are not allowed.'] }],
    [`users/?search=${'x'.repeat(255)}`, { search: ['Ensure this field has no more than 254 characters.'] }],
    ...['', 'x', 'AAAA', '%00', 'a'.repeat(3000)].flatMap((value): [string, Record<string, string[]>][] => [
      [`users/?cursor=${value}`, { cursor: CURSOR }],
      [`events/?cursor=${value}`, { cursor: CURSOR }],
    ]),
    ...['', 'x', 'Login', 'login,logout', '%00'].map((value): [string, Record<string, string[]>] => [
      `events/?kind=${value}`,
      { kind: ['Not a valid choice.'] },
    ]),
    ['users/?cursor=x&limit=x&is_staff=x', { is_staff: BOOLEAN, limit: INTEGER }],
  ]
  for (const [url, errors] of cases) t.strictSame(answerOf(await one.ask('sam', 'GET', `/api/${url}`)), invalid(errors), url.slice(0, 60))
})

refuses('a cursor is good for its own list and filters alone', async (t) => {
  const next = async (url: string): Promise<string> => (await one.ask('sam', 'GET', `/api/${url}`)).json().next
  const [users, staff, events, logins] = await Promise.all(
    ['users/?limit=1', 'users/?limit=1&is_staff=true', 'events/?limit=1', 'events/?limit=1&kind=login'].map(next),
  )
  const wrongOnes: [string, string | undefined][] = [
    ['users/?limit=1', staff],
    ['users/?limit=1&is_staff=false', staff],
    ['users/?limit=1', events],
    ['events/?limit=1', users],
    ['events/?limit=1', logins],
    ['events/?limit=1&kind=login&user=1', logins],
  ]
  for (const [url, cursor] of wrongOnes) {
    t.strictSame(answerOf(await one.ask('sam', 'GET', `/api/${url}&cursor=${cursor}`)), invalid({ cursor: CURSOR }), url)
  }
  t.equal((await one.ask('sam', 'GET', `/api/users/?limit=3&is_staff=true&cursor=${staff}`)).statusCode, 200, 'another limit')
})

refuses('what is no id is nobody, also for who may do everything', async (t) => {
  for (const id of [
    '0',
    '-1',
    '1e3',
    '01',
    '1.0',
    'x',
    'me%20',
    '9007199254740992',
    '9007199254740993',
    '9999999999999999',
    '99999999999999999',
  ]) {
    const url = `/api/users/${id}/`
    for (const path of [url, `${url}sessions/`]) t.strictSame(answerOf(await one.ask('root', 'GET', path)), missing, path)
    t.strictSame(answerOf(await one.ask('root', 'PATCH', url, { is_active: false, ...confirmed })), missing, id)
    t.strictSame(answerOf(await one.ask('root', 'POST', `${url}delete/`, confirmed)), missing, id)
    t.strictSame(answerOf(await one.ask('root', 'DELETE', `${url}sessions/`)), missing, id)
  }
  const { bert, anna } = one.ids
  for (const sid of [
    '1',
    'x',
    '0',
    `${one.sids.bert}x`,
    one.sids.bert.slice(0, -1),
    one.sids.bert.split('-')[0],
    '9007199254740993',
    '%00',
    '1'.repeat(90),
  ]) {
    t.strictSame(answerOf(await one.ask('root', 'DELETE', `/api/users/${bert}/sessions/${sid}/`)), missing, String(sid))
  }
  t.strictSame(
    answerOf(await one.ask('root', 'DELETE', `/api/users/${anna}/sessions/${one.sids.bert}/`)),
    missing,
    "another user's session",
  )
})

/** What stands for no text, and what a schema says of it. */
const NO_TEXTS: readonly [unknown, string][] = [
  [null, 'This field may not be null.'],
  [7, 'Not a valid string.'],
  [true, 'Not a valid string.'],
  [['x'], 'Not a valid string.'],
  [{ x: 1 }, 'Not a valid string.'],
  ['', 'This field may not be blank.'],
  ['a\0', 'Null characters are not allowed.'],
  ['\ud800', 'Surrogate characters are not allowed: U+D800.'],
]

refuses('a member of a wrong type is 400, and says what it must be', async (t) => {
  const bert = `/api/users/${one.ids.bert}/`
  const bodies = [
    ['PATCH', bert, { username: 'other', ...confirmed }],
    ['POST', '/api/users/create/', { username: 'new', password: NEXT, ...confirmed }],
    ['POST', `${bert}password/`, { new_password: NEXT, ...confirmed }],
    ['POST', `${bert}delete/`, confirmed],
  ] as const
  for (const [method, url, body] of bodies) {
    for (const name of Object.keys(body)) {
      for (const [value, message] of NO_TEXTS) {
        t.strictSame(
          answerOf(await one.ask('root', method, url, { ...body, [name]: value })),
          invalid({ [name]: [message] }),
          `${url} ${name} ${message}`,
        )
      }
    }
    for (const flag of ['is_staff', 'is_superuser', ...(method === 'PATCH' ? ['is_active'] : [])]) {
      if (!url.endsWith('create/') && method !== 'PATCH') continue
      for (const value of ['true', 1, 0, [], {}, '']) {
        t.strictSame(
          answerOf(await one.ask('root', method, url, { ...body, [flag]: value })),
          invalid({ [flag]: BOOLEAN }),
          `${url} ${flag}`,
        )
      }
      t.strictSame(
        answerOf(await one.ask('root', method, url, { ...body, [flag]: null })),
        invalid({ [flag]: ['This field may not be null.'] }),
      )
    }
    for (const [payload, kind] of [
      ['[]', 'list'],
      ['"x"', 'str'],
      ['7', 'int'],
      ['true', 'bool'],
    ] as const) {
      const errors = { non_field_errors: [`Invalid data. Expected a dictionary, but got ${kind}.`] }
      t.strictSame(answerOf(await one.ask('root', method, url, payload)), invalid(errors), `${url} ${payload}`)
    }
  }
})

refuses('a name past the rules of registration is refused', async (t) => {
  const names: [string, string][] = [
    [' ', 'This field may not be blank.'],
    ['x'.repeat(201), 'Ensure this field has no more than 200 characters.'],
    ['a\nb', 'Control characters are not allowed.'],
    ['a\u202eb', 'Control characters are not allowed.'],
    ['\u200b', 'Control characters are not allowed.'],
    ['\ufdfa'.repeat(200), 'This username takes too much space in its compatibility form.'],
    ['ANNA', 'user login with this username already exists.'],
    [' anna ', 'user login with this username already exists.'],
    ['an\u00adna', 'user login with this username already exists.'],
  ]
  for (const [username, message] of names) {
    const errors = invalid({ username: [message] })
    const created = await one.ask('root', 'POST', '/api/users/create/', { username, password: NEXT, ...confirmed })
    t.strictSame(answerOf(created), errors, JSON.stringify(username.slice(0, 9)))
    const renamed = await one.ask('root', 'PATCH', `/api/users/${one.ids.bert}/`, { username, is_active: false, ...confirmed })
    t.strictSame(answerOf(renamed), errors, JSON.stringify(username.slice(0, 9)))
  }
})

refuses('a new password must be as registration asks for', async (t) => {
  const passwords: [string, string[]][] = [
    [
      '12345',
      [
        'This password is too short. It must contain at least 8 characters.',
        'This password is too common.',
        'This password is entirely numeric.',
      ],
    ],
    ['password1', ['This password is too common.']],
    ['my bert is mine', ['The password is too similar to the username.']],
    ['x'.repeat(1025), ['Ensure this field has no more than 1024 characters.']],
  ]
  for (const [password, messages] of passwords) {
    const set = await one.ask('root', 'POST', `/api/users/${one.ids.bert}/password/`, { new_password: password, ...confirmed })
    t.match(answerOf(set), { status: 400, body: { new_password: messages } }, password.slice(0, 9))
    const created = await one.ask('root', 'POST', '/api/users/create/', {
      username: 'bert2',
      password: password.replace('bert', 'bert2'),
      ...confirmed,
    })
    t.match(answerOf(created), { status: 400, body: { password: messages } }, password.slice(0, 9))
  }
})

refuses('what only superusers may do asks for their own password', async (t) => {
  const { bert, tess, rita } = one.ids
  const calls = [
    ['PATCH', `/api/users/${bert}/`, { is_staff: true }],
    ['PATCH', `/api/users/${bert}/`, { username: 'other' }],
    ['PATCH', `/api/users/${tess}/`, { is_active: false }],
    ['PATCH', `/api/users/${rita}/`, { is_active: false }],
    ['POST', '/api/users/create/', { username: 'new', password: NEXT }],
    ['POST', `/api/users/${bert}/password/`, { new_password: NEXT }],
    ['POST', `/api/users/${bert}/delete/`, {}],
  ] as const
  for (const [method, url, body] of calls) {
    t.strictSame(answerOf(await one.ask('root', method, url, body)), invalid({ current_password: ['This field is required.'] }), url)
    for (const guess of ['wrong password', `${PASSWORD} `, 'x'.repeat(1025)]) {
      t.strictSame(answerOf(await one.ask('root', method, url, { ...body, current_password: guess })), wrong('current_password'), url)
    }
  }
})
