import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/**
 * From OWASP's REST Security Cheat Sheet and Secure Headers Project: an answer must not be cached, framed, embedded, sniffed or
 * run. A route whose answer may be cached sets its own `Cache-Control`. `Cross-Origin-Resource-Policy` does not get in the way of
 * `CORS_ORIGINS`: browsers apply it only to requests without CORS.
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

/** The security headers of every answer, with HSTS when `publicUrl` is https: browsers ignore it over http. */
export function securityHeaders(publicUrl: string): Record<string, string> {
  return publicUrl.startsWith('https:') ? { ...SECURITY_HEADERS, ...HSTS } : SECURITY_HEADERS
}

/** The request's own `X-Request-Id` when it has at most 64 characters, all harmless in a log; else a new one. */
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

/** RFC 9110 §5.1. Without `*`, which in an answer of CORS is not a name, but stands for all. */
const FIELD_NAME = /^(?!\*$)[\w!#$%&'*+.^`|~-]+$/

/** Whether a header is a list of names of headers, separated by commas. */
export function areFieldNames(list: string | undefined): boolean {
  return list?.split(',').every((name) => FIELD_NAME.test(name.trim())) ?? false
}
