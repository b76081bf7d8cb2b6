import t from 'tap'
import { build } from '../helper.ts'

t.test('/docs and every file that it loads come from this service', async (t) => {
  const app = await build(t)
  const page = await app.inject('/docs')
  t.equal(page.statusCode, 200)
  t.equal(page.headers['content-type'], 'text/html; charset=utf-8')
  const csp = String(page.headers['content-security-policy'])
  t.match(csp, /default-src 'none'.*script-src 'self';.*connect-src 'self'/)
  t.notMatch(csp, /upgrade-insecure-requests|https?:/)
  const files = [...page.body.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, file]) => file as string)
  t.equal(files.length, 4)
  for (const file of files) {
    t.ok(file.startsWith('/docs/'), file)
    t.equal((await app.inject(file)).statusCode, 200, file)
  }
  t.equal((await app.inject('/docs/')).body, page.body)
})

t.test('/docs answers GET and HEAD only', async (t) => {
  const app = await build(t)
  const answer = await app.inject({ method: 'POST', url: '/docs' })
  t.equal(answer.statusCode, 405)
  t.equal(answer.headers.allow, 'GET, HEAD')
})
