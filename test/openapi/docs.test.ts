// Not on PostgreSQL: it uses no database but to start.
import t from 'tap'
import { build, post } from '../helper.ts'

/** The addresses under which a page may be opened: directly, and behind proxies that take `/auth` off. */
const ADDRESSES = [
  'http://localhost:3000/docs',
  'http://localhost:3000/docs/',
  'http://127.0.0.1:8080/docs?a=/',
  'http://127.0.0.1:8080/docs/?a',
  'https://example.com/auth/docs',
  'https://example.com/auth/docs/',
]
const FILES = ['docs/favicon-32x32.png', 'docs/swagger-ui.css', 'docs/swagger-ui-bundle.js', 'docs/start.js']

/** What the service is asked for when a browser is at an address. */
function askedOf(address: string): string {
  const { pathname, search } = new URL(address)
  return pathname.replace('/auth/', '/') + search
}

t.test('/docs and every file that it loads come from this service, under whatever address it is opened', async (t) => {
  const app = await build(t, { PUBLIC_URL: 'https://example.com/auth' })
  for (const address of ADDRESSES) {
    const page = await app.inject(askedOf(address))
    t.equal(page.statusCode, 200, address)
    t.equal(page.headers['content-type'], 'text/html; charset=utf-8')
    const csp = String(page.headers['content-security-policy'])
    t.match(csp, /default-src 'none'.*script-src 'self';.*connect-src 'self'/)
    t.notMatch(csp, /upgrade-insecure-requests|https?:/)
    const files = [...page.body.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, file]) => new URL(file as string, address).href)
    const service = address.replace(/docs.*/, '')
    t.strictSame(
      files,
      FILES.map((file) => service + file),
      address,
    )
    for (const file of files) t.equal((await app.inject(askedOf(file))).statusCode, 200, file)
  }
})

t.test('/docs answers GET and HEAD only', async (t) => {
  const app = await build(t)
  const answer = await app.inject({ method: 'POST', url: '/docs' })
  t.equal(answer.statusCode, 405)
  t.equal(answer.headers.allow, 'GET, HEAD')
})

const BROWSERS = ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'text/html', 'TEXT/HTML, */*']
const CLIENTS = [undefined, '', '*/*', 'application/json', 'application/json, text/plain, */*', 'text/htmlx']

t.test('/ leads a browser to /docs, and is nothing to all others', async (t) => {
  const app = await build(t)
  for (const method of ['GET', 'HEAD'] as const) {
    for (const accept of BROWSERS) {
      const { statusCode, body, headers } = await app.inject({ method, url: '/', headers: { accept } })
      t.strictSame([statusCode, body, headers.location, headers['cache-control']], [302, '', 'docs', 'no-store'], `${method} ${accept}`)
    }
    for (const accept of CLIENTS) {
      const { statusCode, body, headers } = await app.inject({ method, url: '/', headers: accept === undefined ? {} : { accept } })
      const notFound = { title: 'Not Found', status: 404, detail: 'Not found.', code: 'not_found' }
      t.equal(statusCode, 404, `${method} ${accept}`)
      t.strictSame(body === '' ? '' : JSON.parse(body), method === 'HEAD' ? '' : notFound, `${method} ${accept}`)
      t.notOk('location' in headers)
    }
  }
  t.equal((await post(app, '/', {}, { accept: 'text/html' })).json().code, 'not_found', 'another method')
})
