import type { IncomingHttpHeaders } from 'node:http'
import type { Config } from '../config.ts'

/**
 * Whether a browser sent a request for a page of another site. An origin of `CORS_ORIGINS` is none; else the browser's own word counts,
 * `Sec-Fetch-Site` (W3C Fetch Metadata); without it (older browsers, and `http:` of hosts other than localhost) the host of `Origin`.
 * What is no browser sends neither header as a rule, and passes.
 */
export function isCrossSite(headers: IncomingHttpHeaders, { corsOrigins, publicUrl }: Pick<Config, 'corsOrigins' | 'publicUrl'>): boolean {
  const { origin, host } = headers
  if (origin !== undefined && corsOrigins.includes(origin)) return false
  switch (headers['sec-fetch-site']) {
    case 'same-origin':
    case 'same-site':
    case 'none':
      return false
    case 'cross-site':
      return true
    default:
      // Another value is ignored, as its specification asks: that of a browser to come, or several headers, which no browser sends.
      return origin !== undefined && !isOrigin(origin, host) && !isOrigin(origin, new URL(publicUrl).host)
  }
}

/** Whether an `Origin` is that of a page of a host, a name with its port. `null` and what is no origin of the web are none. */
function isOrigin(origin: string, host: string | undefined): boolean {
  const scheme = /^https?:\/\//.exec(origin)?.[0]
  // A parser, because `Host` may name the scheme's own port, or have capitals.
  return scheme !== undefined && URL.parse(`${scheme}${host}`)?.origin === origin
}
