// Not on PostgreSQL: it uses no database.
import t from 'tap'
import { isCrossSite } from '../../http/cross-site.ts'

const settings = { publicUrl: 'https://auth.example.com/id', corsOrigins: ['https://app.example.com', 'capacitor://localhost'] }
const HOST = 'latchkey.internal:3000'

/** `Sec-Fetch-Site`, `Origin`, and whether it is another site's page. */
const TABLE: readonly [site: string | undefined, origin: string | undefined, isCrossSite: boolean][] = [
  // An origin of CORS_ORIGINS, whatever the browser says.
  ...[undefined, 'cross-site', 'same-site', 'nonsense'].flatMap((site): [string | undefined, string, boolean][] =>
    settings.corsOrigins.map((origin) => [site, origin, false]),
  ),
  // Else what the browser says.
  ...['same-origin', 'same-site', 'none'].flatMap((site): [string, string | undefined, boolean][] =>
    [undefined, 'null', 'https://evil.example', 'nonsense', `http://${HOST}`].map((origin) => [site, origin, false]),
  ),
  ...[undefined, 'null', 'https://evil.example', `http://${HOST}`, 'https://auth.example.com'].map(
    (origin): [string, string | undefined, boolean] => ['cross-site', origin, true],
  ),
  // Without its word, or with one that is unknown: the host of the origin.
  ...[undefined, '', 'nonsense', 'Cross-Site', 'same-origin, cross-site'].flatMap(
    (site): [string | undefined, string | undefined, boolean][] => [
      [site, undefined, false],
      [site, `http://${HOST}`, false],
      [site, `https://${HOST}`, false],
      [site, 'https://auth.example.com', false],
      [site, 'http://auth.example.com', false],
      [site, 'https://evil.example', true],
      [site, 'null', true],
      [site, '', true],
      [site, 'nonsense', true],
    ],
  ),
  // Origins that resemble the service's.
  ...[
    ...[
      'http://latchkey.internal',
      'http://latchkey.internal:3001',
      'https://auth.example.com:8443',
      'https://auth.example.com.evil.example',
    ],
    ...[
      'https://evil.auth.example.com',
      'https://example.com',
      'https://auth.example.com@evil.example',
      'https://evil.example/auth.example.com',
    ],
    ...['https://auth.example.com, https://evil.example', 'https://evil.example, https://auth.example.com', 'ftp://auth.example.com'],
    ...['app://auth.example.com', 'auth.example.com', '//auth.example.com', 'https://', 'https://[', 'file://', 'https:auth.example.com'],
    ...[
      'capacitor://localhost:1',
      'CAPACITOR://localhost',
      'https://app.example.com:443',
      'https://app.example.com/',
      'http://app.example.com',
    ],
  ].map((origin): [undefined, string, boolean] => [undefined, origin, true]),
]

for (const [site, origin, expected] of TABLE) {
  t.test(`Sec-Fetch-Site ${site}, Origin ${origin}: ${expected ? 'refused' : 'passes'}`, async (t) => {
    const headers = { host: HOST, ...(site !== undefined && { 'sec-fetch-site': site }), ...(origin !== undefined && { origin }) }
    t.equal(isCrossSite(headers, settings), expected)
  })
}

t.test('the host of an origin is compared as URLs are: a default port may be named, and case does not matter', async (t) => {
  const isRefused = (host: string | undefined, origin: string) => isCrossSite({ ...(host !== undefined && { host }), origin }, settings)
  for (const host of ['a.example', 'a.example:80', 'A.Example']) t.equal(isRefused(host, 'http://a.example'), false, host)
  for (const host of ['a.example', 'a.example:443']) t.equal(isRefused(host, 'https://a.example'), false, host)
  for (const host of ['a.example:443', 'a.example:8080', 'b.example', '', undefined]) {
    t.equal(isRefused(host, 'http://a.example'), true, String(host))
  }
  t.equal(isRefused('[::1]:3000', 'http://[::1]:3000'), false)
  t.equal(isRefused('127.0.0.1:3000', 'http://localhost:3000'), true)
})

t.test('null passes where CORS_ORIGINS has it', async (t) => {
  const sandboxed = { host: HOST, origin: 'null', 'sec-fetch-site': 'cross-site' }
  t.equal(isCrossSite(sandboxed, settings), true)
  t.equal(isCrossSite(sandboxed, { ...settings, corsOrigins: ['null'] }), false)
})
