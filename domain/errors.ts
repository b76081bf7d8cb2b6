/**
 * The one table of error codes: when each is the answer, and with which status (the first, unless the code that throws it
 * names another of the list). The API document and docs/errors.md are made from it.
 */
export const problems = {
  invalid: { statuses: [400], when: 'a field or the body is not as asked for' },
  parse_error: { statuses: [400], when: 'the body is not JSON or not a form' },
  bad_request: { statuses: [400], when: 'a URL or framing that cannot be understood' },
  invalid_request: { statuses: [400], when: 'a parameter is missing or comes twice, or a client authenticates in two ways at once' },
  invalid_client: { statuses: [401], when: 'the client is unknown or revoked, its secret is wrong, or it does not authenticate' },
  authorization_header_required: { statuses: [400], when: 'credentials without an `Authorization` header' },
  bad_authorization_header: { statuses: [401, 400], when: 'an `Authorization` header that is not `Bearer <token>`' },
  invalid_credentials: { statuses: [401], when: 'wrong username or password' },
  no_active_account: { statuses: [401], when: 'wrong username or password, or the user of the token is disabled or deleted' },
  token_not_valid: { statuses: [401], when: 'the token is malformed, expired, forged, of the wrong type or of an ended session' },
  user_not_found: { statuses: [401], when: 'the user of the token is deleted' },
  user_inactive: { statuses: [401], when: 'the user of the token is disabled' },
  token_user_mismatch: { statuses: [401], when: 'the token belongs to another user than the credentials' },
  not_authenticated: { statuses: [401], when: 'nothing was presented' },
  permission_denied: { statuses: [403], when: 'the user of the token may not do this' },
  cross_site: { statuses: [403], when: 'a page of another site sends a password, and its origin is not in `CORS_ORIGINS`' },
  registration_closed: { statuses: [403], when: '`REGISTRATION=closed`' },
  not_found: { statuses: [404], when: 'there is nothing at this path' },
  method_not_allowed: { statuses: [405], when: 'the path does not know this method; `Allow` lists those it knows' },
  request_timeout: { statuses: [408], when: 'the request did not arrive in time' },
  conflict: { statuses: [409], when: 'the last active superuser would be none any more, or users would change their own flags' },
  payload_too_large: { statuses: [413], when: 'the body is larger than 16 KiB' },
  unsupported_media_type: { statuses: [415], when: 'the body is compressed, neither JSON nor a urlencoded form, or not in UTF-8' },
  headers_too_large: { statuses: [431], when: 'the headers are larger than 16 KiB' },
  throttled: { statuses: [429], when: 'too many attempts; try again after `Retry-After` seconds' },
  internal_error: { statuses: [500], when: 'a fault of the service; the request id leads to its log line' },
  overloaded: { statuses: [503], when: 'too much work is waiting; try again after `Retry-After` seconds' },
  database_unavailable: { statuses: [503], when: 'the database does not answer; try again after `Retry-After` seconds' },
  stopping: { statuses: [503], when: 'the service is stopping; try again after `Retry-After` seconds' },
} as const satisfies Record<string, { statuses: readonly [number, ...number[]]; when: string }>

export type ProblemCode = keyof typeof problems

/** Messages by field, in the order the fields are documented. */
export type FieldErrors = Record<string, string[]>

interface ProblemOptions {
  /** Another status of the code's list than its first. */
  readonly status?: number
  /** Members beside `title`, `status`, `detail` and `code`: those that a client of the original API reads. */
  readonly members?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
}

/** An answer that is an error. Thrown anywhere, it is rendered as RFC 9457 says by `http/problems.ts`. */
export class Problem extends Error {
  readonly code: ProblemCode
  readonly status: number
  readonly members: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, string>>

  constructor(code: ProblemCode, detail: string, options: ProblemOptions = {}) {
    super(detail)
    this.code = code
    this.status = options.status ?? problems[code].statuses[0]
    this.members = options.members ?? {}
    this.headers = options.headers ?? {}
  }
}

/** The challenge of RFC 6750 §3, on those 401s where the original API has it. */
export const challenge = { 'www-authenticate': 'Bearer realm="api"' }

/** No token where one is asked for. */
export function notAuthenticated(): Problem {
  return new Problem('not_authenticated', 'Authentication credentials were not provided.', { headers: challenge })
}

/** A problem whose text clients of the original API read in `message` instead of `detail`. */
export function messageProblem(code: ProblemCode, message: string, status = problems[code].statuses[0] as number): Problem {
  return new Problem(code, message, { status, members: { message } })
}

/** A problem of an OAuth endpoint, with the `error` member of RFC 6749 §5.2 and, where a client must authenticate, its challenge. */
export function oauthProblem(code: 'invalid_request' | 'invalid_client', detail: string): Problem {
  const headers = code === 'invalid_client' ? { 'www-authenticate': 'Basic realm="api"' } : {}
  return new Problem(code, detail, { headers, members: { error: code } })
}

/** Who asks is known, and may not do this. In the words of Django REST framework. */
export function permissionDenied(): Problem {
  return new Problem('permission_denied', 'You do not have permission to perform this action.')
}

/** There is no such user or session. */
export function notFound(): Problem {
  return new Problem('not_found', 'Not found.')
}

/** A password that a page of another site sends. */
export function crossSite(): Problem {
  return new Problem('cross_site', 'Pages of this origin may not send passwords: it is not in CORS_ORIGINS.')
}

/** Fields that are wrong, each with its messages at the top level (as in Django REST framework) and under `errors`. */
export function invalidFields(errors: FieldErrors): Problem {
  const detail = `Not valid: ${Object.keys(errors).join(', ')}.`
  return new Problem('invalid', detail, { members: { ...errors, errors } })
}

/** A problem that goes away by itself. `retryAfterSeconds` is a whole number of seconds. */
export function unavailable(code: 'overloaded' | 'database_unavailable' | 'stopping', detail: string, retryAfterSeconds = 1): Problem {
  return new Problem(code, detail, { headers: { 'retry-after': String(retryAfterSeconds) } })
}

/**
 * Too many attempts, in the words of Django REST framework.
 *
 * @param waitMs until the next one may come, in milliseconds
 */
export function throttled(waitMs: number): Problem {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000))
  const detail = `Request was throttled. Expected available in ${seconds} second${seconds === 1 ? '' : 's'}.`
  return new Problem('throttled', detail, { headers: { 'retry-after': String(seconds) } })
}

/** What can be wrong with a token, in Simple JWT's words but for `legacy`, which cannot be there. */
const tokenFaults = {
  invalid: 'Token is invalid or expired',
  issuer: 'Token is invalid or expired',
  audience: 'Token is invalid or expired',
  no_exp: "Token has no 'exp' claim",
  no_id: 'Token has no id',
  no_type: 'Token has no type',
  wrong_type: 'Token has wrong type',
  ended: 'Token is blacklisted',
  legacy: 'Token of another service: refresh the session, or log in',
} as const

export type TokenFault = keyof typeof tokenFaults

/** A token that is refused, in Simple JWT's words. Some routes replace them by their own. */
export class TokenProblem extends Problem {
  readonly fault: TokenFault

  constructor(fault: TokenFault) {
    super('token_not_valid', tokenFaults[fault], { headers: challenge })
    this.fault = fault
  }
}

/** A refused access token of an `Authorization` header, as Simple JWT's authentication class answers it. */
export function bearerProblem({ message }: TokenProblem): Problem {
  return new Problem('token_not_valid', 'Given token not valid for any token type', {
    headers: challenge,
    members: { messages: [{ token_class: 'AccessToken', token_type: 'access', message }] },
  })
}

/** The user of an access token is deleted. */
export function userNotFound(): Problem {
  return new Problem('user_not_found', 'User not found', { headers: challenge })
}

/** The user of an access token is disabled. */
export function userInactive(): Problem {
  return new Problem('user_inactive', 'User is inactive', { headers: challenge })
}
