import type { WireAnswer } from './talk.ts'

export const badRequest = { title: 'Bad Request', status: 400, detail: 'The request cannot be understood.', code: 'bad_request' }
export const headersTooLarge = {
  title: 'Request Header Fields Too Large',
  status: 431,
  detail: 'The headers are larger than 16 KiB.',
  code: 'headers_too_large',
}
export const notFound = { title: 'Not Found', status: 404, detail: 'Not found.', code: 'not_found' }
export const parseError = (why: string) => ({ title: 'Bad Request', status: 400, detail: `JSON parse error - ${why}`, code: 'parse_error' })
export const notAllowed = (method: string) => ({
  title: 'Method Not Allowed',
  status: 405,
  detail: `Method "${method}" not allowed.`,
  code: 'method_not_allowed',
})

export const securityHeaders = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

export const close = 'Host: x\r\nConnection: close\r\n'
export const verify = 'POST /api/token/verify/ HTTP/1.1\r\n'
export const json = 'Content-Type: application/json\r\n'
export const chunked = 'Transfer-Encoding: chunked\r\n'

export function assertProblem(
  t: Pick<typeof import('tap').t, 'same' | 'match' | 'equal'>,
  answer: WireAnswer | undefined,
  problem: { status: number },
): void {
  t.equal(answer?.status, problem.status)
  t.same(JSON.parse(answer?.body || '{}'), problem)
  t.match(answer?.headers, { ...securityHeaders, 'content-type': /^application\/problem\+json/, 'x-request-id': /^[\w.:-]{1,64}$/ })
}
