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

/** Headers that libraries of a page add to what it sends. */
const ADDED = {
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  tracestate: 'vendor=1',
  baggage: 'sentry-environment=production',
  'sentry-trace': '4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1',
  'x-requested-with': 'XMLHttpRequest',
  'x-device-token': 'none',
  'x-request-id': 'of-the-page',
  'cache-control': 'no-cache',
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
  const traced = { ...login, headers: { ...json, ...ADDED } }
  t.match(await see(ours, `${api}/api/token/`, traced), [200, true, { access: /./, refresh: /./ }], 'headers that libraries add')
  t.equal(await see(other, `${api}/api/token/`, traced), 'TypeError')
  for (const method of ['DELETE', 'PUT', 'PATCH']) {
    const wrongMethod = { method, headers: ADDED }
    t.match(await see(ours, `${api}/api/token/`, wrongMethod), [405, true, { code: 'method_not_allowed' }], `${method} asks first`)
    t.equal(await see(other, `${api}/api/token/`, wrongMethod), 'TypeError', method)
  }
  const allow = `fetch('${api}/api/token/', { method: 'PUT' }).then((answer) => answer.headers.get('allow'))`
  t.equal(await ours.evaluate(allow), 'POST', 'the methods that there are can be read')
  t.equal(await see(ours, `${api}/api/token/`, { ...login, credentials: 'include' }), 'TypeError', 'there are no cookies to send')

  for (const page of [ours, other]) t.equal(await loads(page, `${api}/docs/favicon-32x32.png`), false, 'nothing is embedded')
  const own = await browser.newPage()
  await own.goto(`${api}/docs`)
  t.equal(await loads(own, `${api}/docs/favicon-32x32.png`), true, 'but where it belongs')
  t.same(await browser.cookies(), [])
})
