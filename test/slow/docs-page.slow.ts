import { env } from 'node:process'
import t from 'tap'
import { build, PASSWORD, register } from '../helper.ts'
import { openBrowser } from './browser.ts'

t.test('/docs shows the operations in a browser and can log in, and loads nothing from other hosts', async (t) => {
  const app = await build(t)
  await register(app, 'testuser', PASSWORD)
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const browser = await openBrowser(t)
  const page = await browser.newPage()
  const complaints: string[] = []
  const elsewhere: string[] = []
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('request', (request) => request.url().startsWith(url) || request.url().startsWith('data:') || elsewhere.push(request.url()))

  await page.goto(`${url}/docs`)
  await page.locator('.opblock').first().waitFor()
  t.equal(await page.locator('.opblock').count(), Object.values(app.apiDocument().paths).flatMap(Object.keys).length)

  const login = page.locator('.opblock', { has: page.locator('[data-path="/api/users/authentication/"]') })
  await login.locator('.opblock-summary-control').click()
  await login.getByRole('button', { name: 'Try it out' }).click()
  await login
    .locator('textarea')
    .first()
    .fill(JSON.stringify({ username: 'testuser', password: PASSWORD }))
  await login.getByRole('button', { name: 'Execute' }).click()
  const answer = login.locator('.live-responses-table .response').first()
  await answer.waitFor()
  t.match(await answer.locator('.response-col_status').textContent(), /^200/)
  t.match(await answer.textContent(), /Login successful/)
  if (env.SCREENSHOT) {
    await page.screenshot({ path: env.SCREENSHOT, fullPage: true })
  }

  t.same(complaints, [])
  t.same(elsewhere, [])
})
