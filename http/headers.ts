import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/**
 * OWASP's REST Security Cheat Sheet and Secure Headers Project: nothing here is to be kept, framed, embedded, sniffed,
 * or run. What may be kept says so. Pages of `CORS_ORIGINS` read by CORS, which the resource policy does not concern.
 */
const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}
const HSTS = { 'strict-transport-security': 'max-age=31536000' }

/** HSTS only where clients come by https; a browser ignores it elsewhere. */
export function securityHeaders(publicUrl: string): Record<string, string> {
  return publicUrl.startsWith('https:') ? { ...SECURITY_HEADERS, ...HSTS } : SECURITY_HEADERS
}

/** The caller's `X-Request-Id` when it is short and plain, else a new one. */
export function requestId({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers['x-request-id']
  return typeof given === 'string' && /^[\w.:-]{1,64}$/.test(given) ? given : randomUUID()
}

/** How many `Host` headers a request has: Node keeps the first of several. */
export function hostCount({ rawHeaders }: IncomingMessage): number {
  let count = 0
  for (let i = 0; i < rawHeaders.length; i += 2) if (rawHeaders[i]?.toLowerCase() === 'host') count++
  return count
}
