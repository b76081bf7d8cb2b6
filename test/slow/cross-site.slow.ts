import type { IncomingMessage, ServerResponse } from 'node:http'
import type { BrowserContext, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { build, PASSWORD, register, type TestApp } from '../helper.ts'
import { openBrowser, sitePort } from './browser.ts'

const GUESS = 'username=alice&password=x'
const RIGHT = new URLSearchParams({ username: 'alice', password: PASSWORD }).toString()

/** What the browser says of the page that sends a request, and the status that it is answered with. */
type Seen = [site: string | undefined, origin: string | undefined, status: number]

/** A service with alice, reached as two hosts, and what came in to its path of login since last asked. */
async function served(t: Test, env: Record<string, string> = {}) {
  const app = await build(t, env)
  await register(app)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as { port: number }
  const seen: Seen[] = []
  app.server.prependListener('request', ({ method, url, headers }: IncomingMessage, response: ServerResponse) => {
    if (method !== 'POST' || url !== '/api/token/') return
    response.on('finish', () => seen.push([headers['sec-fetch-site'] as string | undefined, headers.origin, response.statusCode]))
  })
  return { app, port, logins: () => seen.splice(0) }
}

async function pageAt(browser: BrowserContext, url: string): Promise<Page> {
  const page = await browser.newPage()
  await page.goto(url)
  return page
}

/** Posts a form as a click on a button would, and shows the answer in the page's place. */
async function submit(page: Page, action: string, body: string): Promise<void> {
  const loaded = page.waitForResponse(action)
  await page.evaluate(`{
    const form = Object.assign(document.createElement('form'), { method: 'post', action: '${action}' })
    for (const [name, value] of new URLSearchParams('${body}')) form.append(Object.assign(document.createElement('input'), { name, value }))
    document.body.append(form)
    form.submit()
  }`)
  await (await loaded).finished()
}

/** Posts forms by `fetch` without asking whether it may, as any page can. The browser shows it no answer, only an error. */
function fetchBlindly(page: Page, url: string, times: number): Promise<void> {
  return page.evaluate(`(async () => {
    const init = { method: 'POST', mode: 'no-cors', body: new URLSearchParams('${GUESS}') }
    for (let i = 0; i < ${times}; i++) await fetch('${url}', init).catch(() => {})
  })()`)
}

/** A script that logs in by `fetch`, and gets the status that a page may read, or the name of the error. */
const login = (url: string) =>
  `fetch('${url}', { method: 'POST', body: new URLSearchParams('${RIGHT}') }).then((answer) => answer.status, (error) => error.name)`

function logIn(page: Page, url: string): Promise<unknown> {
  return page.evaluate(login(url))
}

/** Logs in from a sandboxed frame of the page, which has no origin. */
function logInFromFrame(page: Page, url: string): Promise<unknown> {
  const script = `<script>${login(url)}.then((seen) => parent.postMessage(seen, '*'))</script>`
  return page.evaluate(`new Promise((resolve) => {
    addEventListener('message', ({ data }) => resolve(data), { once: true })
    const frame = Object.assign(document.createElement('iframe'), { srcdoc: ${JSON.stringify(script).replace('</', '<\\/')} })
    frame.setAttribute('sandbox', 'allow-scripts')
    document.body.append(frame)
  })`)
}

async function counts(app: TestApp) {
  await app.refusals.flush()
  const tallies = await app.db.read.selectFrom('tallies').selectAll().execute()
  const failures = await app.db.read
    .selectFrom('auth_events')
    .selectAll()
    .where('kind', 'in', ['login_failed', 'login_throttled'])
    .execute()
  return { tallies, failures, limits: app.limits.stats }
}

/** The host of the service, that of the other site, and whether the browser sends `Sec-Fetch-Site`: to localhost and https, to no other http. */
const HOSTS = [
  ['localhost', 'evil.test', 'cross-site'],
  ['127.0.0.1', 'localhost', 'cross-site'],
  ['auth.test', 'evil.test', undefined],
  ['auth.test', 'localhost', undefined],
] as const

for (const [host, elsewhere, site] of HOSTS) {
  t.test(`in a browser a page of ${elsewhere} cannot spend its visitor's attempts at ${host}`, async (t) => {
    const { app, port, logins } = await served(t)
    const before = await counts(app)
    const url = `http://${host}:${port}/api/token/`
    const origin = `http://${elsewhere}:${await sitePort(t)}`
    const browser = await openBrowser(t)
    const page = await pageAt(browser, origin)
    await fetchBlindly(page, url, 400)
    t.same(
      logins(),
      Array.from({ length: 400 }, () => [site, origin, 403]),
    )
    t.equal(await logIn(page, url), 'TypeError', 'the page may not read what it is answered')
    t.equal(await logInFromFrame(page, url), 'TypeError')
    t.same(logins(), [
      [site, origin, 403],
      [site, 'null', 403],
    ])
    await submit(page, url, GUESS)
    t.same(logins(), [[site, origin, 403]])
    t.same(await counts(app), before, 'nothing was counted')
    const own = await pageAt(browser, `http://${host}:${port}/docs`)
    t.equal(await logIn(own, url), 200, 'the owner logs in from the same address')
    t.match(logins(), [[site && 'same-origin', `http://${host}:${port}`, 200]])
  })
}

t.test('in a browser a page of CORS_ORIGINS logs in, and with null in it a sandboxed frame', async (t) => {
  const port = await sitePort(t)
  const browser = await openBrowser(t)
  for (const host of ['localhost', 'auth.test']) {
    const ours = await pageAt(browser, `http://app.test:${port}`)
    const service = await served(t, { CORS_ORIGINS: `http://app.test:${port},null` })
    const url = `http://${host}:${service.port}/api/token/`
    const site = host === 'localhost' ? 'cross-site' : undefined
    t.equal(await logIn(ours, url), 200)
    t.equal(await logInFromFrame(ours, url), 200)
    await submit(ours, url, RIGHT)
    t.same(service.logins(), [
      [site, `http://app.test:${port}`, 200],
      [site, 'null', 200],
      [site, `http://app.test:${port}`, 200],
    ])
  }
})

t.test('in a browser a page of the same site passes, whatever its port', async (t) => {
  const { port, logins } = await served(t)
  const origin = `http://localhost:${await sitePort(t)}`
  const page = await pageAt(await openBrowser(t), origin)
  await submit(page, `http://localhost:${port}/api/token/`, RIGHT)
  t.same(logins(), [['same-site', origin, 200]])
})
