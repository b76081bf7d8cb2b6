import type { Page } from 'playwright-core'
import t from 'tap'
import { build, PASSWORD, register } from '../helper.ts'
import { openBrowser, sitePort } from './browser.ts'

/** What a page sees of an answer: status, request id and body, or the name of the error. */
function see(page: Page, url: string, init: object): Promise<unknown> {
  return page.evaluate(
    ([url, init]) =>
      fetch(url, init).then(
        async (answer) => [answer.status, answer.headers.has('x-request-id'), await answer.json()],
        (error) => error.name,
      ),
    [url, init] as const,
  )
}

/** Whether a page can load an image of the service, which needs no CORS. */
function loads(page: Page, url: string): Promise<boolean> {
  return page.evaluate(`new Promise((resolve) => {
    const image = new Image()
    image.onload = () => resolve(true)
    image.onerror = () => resolve(false)
    image.src = ${JSON.stringify(url)}
  })`)
}

t.test('in a browser only a page of CORS_ORIGINS may call the API, and no page may embed it', async (t) => {
  const port = await sitePort(t)
  const app = await build(t, { CORS_ORIGINS: `http://127.0.0.1:${port}` })
  await register(app)
  const api = await app.listen({ host: '127.0.0.1', port: 0 })
  const browser = await openBrowser(t)
  const ours = await browser.newPage()
  await ours.goto(`http://127.0.0.1:${port}/`)
  const other = await browser.newPage()
  await other.goto(`http://localhost:${port}/`)

  const json = { 'content-type': 'application/json' }
  const login = { method: 'POST', headers: json, body: JSON.stringify({ username: 'alice', password: PASSWORD }) }
  t.match(await see(ours, `${api}/api/token/`, login), [200, true, { access: /./, refresh: /./ }])
  t.equal(await see(other, `${api}/api/token/`, login), 'TypeError')
  const wrong = { ...login, body: '{}' }
  t.match(await see(ours, `${api}/api/token/`, wrong), [400, true, { code: 'invalid' }], 'errors are read, too')
  t.equal(await see(other, `${api}/api/token/`, wrong), 'TypeError')
  const bearer = { method: 'POST', headers: { authorization: 'Bearer x' } }
  const authentication = `${api}/api/token/authentication-token-header/`
  t.match(await see(ours, authentication, bearer), [401, true, { code: 'token_not_valid' }], 'a header that asks first')
  t.equal(await see(other, authentication, bearer), 'TypeError')
  t.match(
    await see(ours, `${api}/api/token/`, { method: 'DELETE' }),
    [405, true, { code: 'method_not_allowed' }],
    'a method that asks first',
  )
  t.equal(await see(ours, `${api}/api/token/`, { method: 'PUT' }), 'TypeError', 'a method that no endpoint has')
  t.equal(await see(ours, `${api}/api/token/`, { ...login, credentials: 'include' }), 'TypeError', 'there are no cookies to send')

  for (const page of [ours, other]) t.equal(await loads(page, `${api}/docs/favicon-32x32.png`), false, 'nothing is embedded')
  const own = await browser.newPage()
  await own.goto(`${api}/docs`)
  t.equal(await loads(own, `${api}/docs/favicon-32x32.png`), true, 'but where it belongs')
  t.same(await browser.cookies(), [])
})
