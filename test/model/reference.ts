// The rules of sessions once more, written as simply as possible to compare the service with: a list of sessions with all their tokens.

export type Mode = 'on' | 'off' | 'confirmed'

/** Durations in seconds. */
export interface Rules {
  readonly mode: Mode
  readonly grace: number
  readonly accessTtl: number
  readonly refreshTtl: number
  readonly maxAge: number
  readonly sessionsPerUser: number
}

export interface Token {
  readonly type: 'access' | 'refresh'
  readonly session: Session
  /** Seconds since the epoch. */
  readonly exp: number
  /** Of an access token, the refresh token that was issued with it. */
  readonly with?: Token
  /** Of a refresh token: since when it counts as replaced, in milliseconds. */
  replacedAt?: number
}

export interface Session {
  readonly user: User
  readonly expiresAt: number
  refreshedAt: number
  current: Token
  /** With confirmed rotation, the token before `current`, until `current` is used. */
  pending: Token | undefined
  endedAt: number | undefined
  reason: string | undefined
}

export interface User {
  readonly name: string
  isActive: boolean
  password: string
}

/** The expected answer of an endpoint: `ok`, or the text of the refusal. */
export type Verdict = 'ok' | string

const INVALID = 'Token is invalid or expired'
const ENDED = 'Token is blacklisted'
const NO_ACCOUNT = 'No active account found for the given token.'

/** The reference. `now` is in milliseconds since the epoch. */
export class Reference {
  readonly sessions: Session[] = []
  readonly rules: Rules

  constructor(rules: Rules) {
    this.rules = rules
  }

  logIn(user: User, now: number): Session {
    const live = this.sessions.filter((session) => session.user === user && this.#isListed(session, now))
    const newestFirst = live.toReversed().sort((a, b) => b.refreshedAt - a.refreshedAt)
    for (const session of newestFirst.slice(this.rules.sessionsPerUser - 1)) this.#end(session, 'superseded', now)
    const expiresAt = now + this.rules.maxAge * 1000
    const session = { user, expiresAt, refreshedAt: now, pending: undefined, endedAt: undefined, reason: undefined } as Omit<
      Session,
      'current'
    >
    const started = session as Session
    started.current = this.#refreshToken(started, now)
    this.sessions.push(started)
    return started
  }

  accessToken(session: Session, now: number): Token {
    const exp = Math.min(seconds(now) + this.rules.accessTtl, seconds(session.expiresAt))
    return { type: 'access', session, exp, with: session.current }
  }

  refresh(token: Token, now: number): Verdict {
    const { session } = token
    if (token.exp <= seconds(now)) return INVALID
    if (!session.user.isActive) return NO_ACCOUNT
    if (!isLive(session, now)) return ENDED
    if (token === session.current) this.#rotate(session, now)
    else if (this.#isReused(token, now)) {
      this.#end(session, 'reuse_detected', now)
      return ENDED
    }
    return 'ok'
  }

  verify(token: Token, now: number): Verdict {
    if (token.exp <= seconds(now) || !token.session.user.isActive) return INVALID
    if (!isLive(token.session, now)) return ENDED
    if (token.type === 'refresh' && this.#isReused(token, now)) return ENDED
    this.#see(token, now)
    return 'ok'
  }

  authenticate(token: Token, now: number): Verdict {
    if (token.exp <= seconds(now)) return INVALID
    if (!token.session.user.isActive) return 'User is inactive'
    if (!isLive(token.session, now)) return ENDED
    this.#see(token, now)
    return 'ok'
  }

  logOut(token: Token, now: number): Verdict {
    if (token.exp <= seconds(now)) return INVALID
    if (token.session.endedAt !== undefined) return ENDED
    this.endAll(token.session.user, 'logout', now, (session) => session === token.session)
    return 'ok'
  }

  revoke(token: Token, now: number): void {
    this.endAll(token.session.user, 'logout', now, (session) => session === token.session)
  }

  endAll(user: User, reason: string, now: number, isMeant: (session: Session) => boolean = () => true): void {
    for (const session of this.sessions.filter((session) => session.user === user)) {
      if (this.#isOver(session, now)) this.#expire(session)
      else if (isMeant(session)) this.#end(session, reason, now)
    }
  }

  changePassword(user: User, password: string, now: number): Session {
    user.password = password
    this.endAll(user, 'password_changed', now)
    return this.logIn(user, now)
  }

  sweep(now: number): void {
    for (const session of this.sessions) if (this.#isOver(session, now)) this.#expire(session)
  }

  /** With confirmed rotation: marks the token before as replaced, now that its successor or the access token beside it is used. */
  #see(token: Token, now: number): void {
    const { session } = token
    const isArrived = token === session.current || token.with === session.current
    if (!isArrived || session.pending === undefined) return
    session.pending.replacedAt = now
    session.pending = undefined
  }

  #rotate(session: Session, now: number): void {
    session.refreshedAt = now
    if (this.rules.mode === 'off') return
    this.#see(session.current, now)
    if (this.rules.mode === 'confirmed') session.pending = session.current
    else session.current.replacedAt = now
    session.current = this.#refreshToken(session, now)
  }

  #isReused(token: Token, now: number): boolean {
    const { session, replacedAt } = token
    if (token === session.current || token === session.pending) return false
    return this.rules.grace === 0 || replacedAt === undefined || now - replacedAt > this.rules.grace * 1000
  }

  #refreshToken(session: Session, now: number): Token {
    return { type: 'refresh', session, exp: Math.min(seconds(now) + this.rules.refreshTtl, seconds(session.expiresAt)) }
  }

  #isListed(session: Session, now: number): boolean {
    return isLive(session, now) && session.current.exp > seconds(now)
  }

  /** Whether all its tokens are refused. */
  #isOver(session: Session, now: number): boolean {
    const isOld = session.expiresAt <= now || session.current.exp + this.rules.accessTtl <= seconds(now)
    return session.endedAt === undefined && session.current.exp <= seconds(now) && isOld
  }

  #expire(session: Session): void {
    this.#end(session, 'expired', Math.min(session.expiresAt, session.current.exp * 1000))
  }

  #end(session: Session, reason: string, at: number): void {
    if (session.endedAt !== undefined) return
    session.endedAt = at
    session.reason = reason
  }
}

function isLive(session: Session, now: number): boolean {
  return session.endedAt === undefined && session.expiresAt > now
}

function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000)
}
