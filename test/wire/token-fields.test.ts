// Not on PostgreSQL: tokens and headers are refused before the database is asked.
import t from 'tap'
import { build, claimsOf, logIn, post, register } from '../helper.ts'
import {
  type Answer,
  answerOf,
  BLANK,
  invalid,
  NON_OBJECTS,
  NOT_A_STRING,
  NUL,
  NULL,
  postForm,
  postRaw,
  REFRESH,
  REFRESH_AND_VERIFY,
  REQUIRED,
  refreshRefused,
  refreshRequired,
  SURROGATE,
  show,
  success,
  TRUTHY,
  tokenRefused,
  VERIFY,
} from './wire.ts'

/** The errors that refresh and verify have for their field, and what refresh-and-verify answers. */
const INPUTS: readonly [value: unknown, field: string[] | 'refused', refreshAndVerify: Answer][] = [
  [undefined, REQUIRED, refreshRequired],
  [null, NULL, refreshRequired],
  ['', BLANK, refreshRequired],
  ['   ', BLANK, refreshRefused],
  ['\t\u3000', BLANK, refreshRefused],
  [false, NOT_A_STRING, refreshRequired],
  [0, NOT_A_STRING, refreshRequired],
  [[], NOT_A_STRING, refreshRequired],
  [{}, NOT_A_STRING, refreshRequired],
  ...TRUTHY.map((value): [unknown, string[], Answer] => [value, NOT_A_STRING, refreshRefused]),
  ['a\0b', NUL, refreshRefused],
  ['a\ud800b', SURROGATE, refreshRefused],
  ['garbage', 'refused', refreshRefused],
  ['a.b.c', 'refused', refreshRefused],
  ['..', 'refused', refreshRefused],
  ['x'.repeat(15_000), 'refused', refreshRefused],
]

t.test('B6, A3, A4: each endpoint refuses a value that is no token as Simple JWT does', async (t) => {
  const app = await build(t)
  for (const [value, field, refreshAndVerify] of INPUTS) {
    const wanted = (name: string) => (field === 'refused' ? tokenRefused() : invalid({ [name]: field }))
    t.strictSame(answerOf(await post(app, REFRESH, { refresh: value })), wanted('refresh'), `refresh ${show(value)}`)
    t.strictSame(answerOf(await post(app, VERIFY, { token: value })), wanted('token'), `verify ${show(value)}`)
    t.strictSame(answerOf(await post(app, REFRESH_AND_VERIFY, { refresh: value })), refreshAndVerify, `refresh-and-verify ${show(value)}`)
  }
})

t.test('B6, A4: no body, and a body that is no object, are refused with 400', async (t) => {
  const app = await build(t)
  const cases: [url: string, missing: Answer][] = [
    [REFRESH, invalid({ refresh: REQUIRED })],
    [VERIFY, invalid({ token: REQUIRED })],
    [REFRESH_AND_VERIFY, refreshRequired],
  ]
  for (const [url, missing] of cases) {
    t.strictSame(answerOf(await postRaw(app, url, undefined)), missing, `${url} no body`)
    t.strictSame(answerOf(await postForm(app, url, { other: 'x' })), missing, `${url} another field`)
    for (const [json, text] of NON_OBJECTS) {
      const wanted = url === REFRESH_AND_VERIFY ? refreshRequired : invalid({ non_field_errors: [text] })
      t.strictSame(answerOf(await postRaw(app, url, json, 'application/json')), wanted, `${url} ${json.slice(0, 20)}`)
    }
  }
})

t.test('B6: refresh and verify trim spaces around a token, and refresh-and-verify does not', async (t) => {
  const app = await build(t)
  await register(app)
  const { refresh, access } = await logIn(app)
  t.strictSame(answerOf(await post(app, REFRESH_AND_VERIFY, { refresh: ` ${refresh}` })), refreshRefused)
  t.strictSame(answerOf(await post(app, REFRESH_AND_VERIFY, { refresh: `${refresh}\n` })), refreshRefused)
  t.strictSame(answerOf(await post(app, VERIFY, { token: ` ${access}\n` })), success(200, {}))
  t.equal((await post(app, REFRESH, { refresh: `\t${refresh} ` })).statusCode, 200)
})

t.test('B6, A13, A14, A17, A23: a good refresh token is answered with an access token and its successor', async (t) => {
  const app = await build(t)
  await register(app)
  const first = await logIn(app)
  app.clock.advance(10)
  const refreshed = await post(app, REFRESH, { refresh: first.refresh })
  const { access, refresh } = refreshed.json()
  t.strictSame(answerOf(refreshed), success(200, { access, refresh }))
  t.equal(refreshed.headers['cache-control'], 'no-store')
  t.not(refresh, first.refresh)
  t.equal(claimsOf(access).iat, (claimsOf(first.access).iat as number) + 10, 'iat is now')

  const verified = await post(app, REFRESH_AND_VERIFY, { refresh })
  const { new_access_token, refresh: third } = verified.json()
  t.strictSame(answerOf(verified), success(200, { message: 'Token is valid', new_access_token, refresh: third }))
  t.equal(verified.headers['cache-control'], 'no-store')
  t.not(third, refresh)

  for (const token of [access, new_access_token, third]) t.strictSame(answerOf(await post(app, VERIFY, { token })), success(200, {}))
})

t.test('B6, A13: with REFRESH_ROTATION=off the answers are those of Simple JWT, and the same token works again', async (t) => {
  const app = await build(t, { REFRESH_ROTATION: 'off' })
  await register(app)
  const { refresh } = await logIn(app)
  for (const time of ['first', 'second', 'after the grace']) {
    const refreshed = await post(app, REFRESH, { refresh })
    t.strictSame(answerOf(refreshed), success(200, { access: refreshed.json().access }), `refresh, ${time}`)
    const verified = await post(app, REFRESH_AND_VERIFY, { refresh })
    const { new_access_token } = verified.json()
    t.strictSame(answerOf(verified), success(200, { message: 'Token is valid', new_access_token }), `refresh-and-verify, ${time}`)
    t.strictSame(answerOf(await post(app, VERIFY, { token: new_access_token })), success(200, {}), `its access token, ${time}`)
    app.clock.advance(31)
  }
})

t.test('B6: refresh, verify and refresh-and-verify accept forms', async (t) => {
  const app = await build(t)
  await register(app)
  const { refresh } = await logIn(app)
  t.strictSame(answerOf(await postForm(app, VERIFY, { token: refresh })), success(200, {}))
  t.strictSame(answerOf(await postForm(app, VERIFY, { token: '' })), invalid({ token: BLANK }))
  const next = await postForm(app, REFRESH, { refresh })
  t.equal(next.statusCode, 200)
  t.equal((await postForm(app, REFRESH_AND_VERIFY, { refresh: next.json().refresh })).statusCode, 200)
})
