import { env } from 'node:process'
import type { BrowserContext, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { freePorts } from '../../harness/free-ports.ts'
import { build, PASSWORD, register, type TestApp } from '../helper.ts'
import { openBrowser } from './browser.ts'
import { startNginx } from './proxies.ts'

/** A page, and what it complains of and loads from elsewhere while it is used. */
async function watchedPage(browser: BrowserContext, origin: string) {
  const page = await browser.newPage()
  const complaints: string[] = []
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('request', (request) => {
    const url = request.url()
    if (!url.startsWith(origin) && !url.startsWith('data:')) complaints.push(`loads ${url}`)
  })
  return { page, complaints }
}

/** Opens an operation on the page, and sends it with a body or without. Returns the status and the text of the answer. */
async function tryOut(page: Page, path: string, method: string, body?: object): Promise<{ status: string; text: string }> {
  const block = page.locator(`.opblock-${method}`, { has: page.locator(`[data-path="${path}"]`) })
  await block.locator('.opblock-summary-control').click()
  await block.getByRole('button', { name: 'Try it out' }).click()
  if (body !== undefined) await block.locator('textarea').first().fill(JSON.stringify(body))
  await block.getByRole('button', { name: 'Execute' }).click()
  const answer = block.locator('.live-responses-table .response').first()
  await answer.waitFor()
  return {
    status: (await answer.locator('.response-col_status').textContent()) ?? '',
    text: (await answer.locator('.response-col_description').textContent()) ?? '',
  }
}

/** Whether the page has all operations, and calls the service where it was opened. */
async function isRendered(t: Pick<Test, 'equal'>, page: Page, app: TestApp, service: string): Promise<void> {
  await page.locator('.opblock').first().waitFor()
  t.equal(await page.locator('.opblock').count(), Object.values(app.apiDocument().paths).flatMap(Object.keys).length)
  t.equal(await page.locator('.servers option').first().getAttribute('value'), service)
}

/** What a person does who sees the page for the first time. */
async function logInAndCall(t: Pick<Test, 'match'>, page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Authorize' }).first().click()
  const dialog = page.locator('.dialog-ux .auth-container').first()
  t.match(await dialog.textContent(), /access.*POST \/api\/token\//s, 'where the button is, the source of a token is named')
  await page.locator('.dialog-ux .close-modal').click()

  const login = await tryOut(page, '/api/token/', 'post', { username: 'testuser', password: PASSWORD })
  t.match(login.status, /^200/)
  await page.getByRole('button', { name: 'Authorize' }).first().click()
  await dialog.locator('input').fill(/"access": "([^"]+)"/.exec(login.text)?.[1] as string)
  await dialog
    .getByRole('button', { name: 'Apply' })
    .or(dialog.getByRole('button', { name: 'Authorize' }))
    .first()
    .click()
  await page.locator('.dialog-ux .close-modal').click()
  const me = await tryOut(page, '/api/users/me/', 'get')
  t.match(me.status, /^200/)
  t.match(me.text, /testuser/)
}

t.test('/docs shows the operations in a browser and can log in, and loads nothing from other hosts', async (t) => {
  const app = await build(t)
  await register(app, 'testuser', PASSWORD)
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const { page, complaints } = await watchedPage(await openBrowser(t), url)
  await page.goto(`${url}/`)
  t.equal(page.url(), `${url}/docs`, 'where / leads to')
  await isRendered(t, page, app, url)
  await logInAndCall(t, page)
  if (env.SCREENSHOT) {
    await page.screenshot({ path: env.SCREENSHOT, fullPage: true })
  }
  t.same(complaints, [])
})

t.test('/docs works behind a proxy that takes a path off, and under an address that is not PUBLIC_URL', async (t) => {
  const [port = 0] = await freePorts(1)
  const publicUrl = `http://localhost:${port}/auth`
  const app = await build(t, { PUBLIC_URL: publicUrl })
  await register(app, 'testuser', PASSWORD)
  const direct = await app.listen({ host: '127.0.0.1', port: 0 })
  await startNginx(t, `server { listen 127.0.0.1:${port}; listen [::1]:${port}; location /auth/ { proxy_pass ${direct}/; } }`, port)
  t.match(await (await fetch(`${publicUrl}/openapi.json`)).json(), { servers: [{ url: publicUrl }] })
  const browser = await openBrowser(t)
  const ways = [
    ...[`${publicUrl}/docs`, `${publicUrl}/`, `${publicUrl}/docs/`, `http://127.0.0.1:${port}/auth/docs`],
    ...[`${direct}/docs`, `${direct.replace('127.0.0.1', 'localhost')}/docs/`],
  ]
  for (const way of ways) {
    await t.test(way.replace(/\d{4,}/, 'PORT'), async (t) => {
      const { page, complaints } = await watchedPage(browser, new URL(way).origin)
      await page.goto(way)
      await isRendered(t, page, app, way.replace(/\/(docs\/?)?$/, ''))
      if ([`${publicUrl}/docs`, `${direct}/docs`].includes(way)) await logInAndCall(t, page)
      t.same(complaints, [])
      await page.close()
    })
  }
})
