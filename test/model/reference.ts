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
  readonly iat: number
  readonly exp: number
  /** Of an access token, the refresh token that was issued with it. */
  readonly with?: Token
  /** Of a refresh token: since when it counts as replaced, in milliseconds; undefined when that is forgotten. */
  replacedAt?: number
}

export interface Session {
  readonly user: User
  readonly expiresAt: number
  refreshedAt: number
  current: Token
  /** With confirmed rotation, the token before `current`, until `current` is used. */
  pending: Token | undefined
  /** Its refresh tokens that were replaced. */
  readonly replaced: Token[]
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

/** What another clock may be ahead, in milliseconds. An instant further in the future is of a time when the clock was wrong. */
const AHEAD = 60_000
/** Longer ago than anything else, in milliseconds. */
const LONG = 1e15

/** The reference. `now` is in milliseconds since the epoch. */
export class Reference {
  readonly sessions: Session[] = []
  readonly rules: Rules
  readonly #isSteady: () => boolean

  /** @param isSteady whether the clock has not jumped for ten minutes: until then nothing ends but what somebody asks for */
  constructor(rules: Rules, isSteady: () => boolean) {
    this.rules = rules
    this.#isSteady = isSteady
  }

  logIn(user: User, now: number): Session {
    if (this.#isSteady()) this.#endSurplus(user, now)
    const expiresAt = now + this.rules.maxAge * 1000
    const session = { user, expiresAt, refreshedAt: now, pending: undefined, replaced: [], endedAt: undefined, reason: undefined }
    const started = session as Omit<Session, 'current'> as Session
    started.current = this.#refreshToken(started, now)
    this.sessions.push(started)
    return started
  }

  accessToken(session: Session, now: number): Token {
    const exp = Math.min(seconds(now) + this.rules.accessTtl, seconds(session.expiresAt))
    return { type: 'access', session, iat: seconds(now), exp, with: session.current }
  }

  refresh(token: Token, now: number): Verdict {
    const { session } = token
    if (!isInTime(token, now)) return INVALID
    if (!session.user.isActive) return NO_ACCOUNT
    if (!isLive(session, now)) return ENDED
    if (token === session.current) this.#rotate(session, now)
    else if (this.#isReused(token, now)) {
      if (this.#isSteady()) this.#endOnly([session], 'reuse_detected', now)
      return ENDED
    }
    return 'ok'
  }

  verify(token: Token, now: number): Verdict {
    if (!isInTime(token, now) || !token.session.user.isActive) return INVALID
    if (!isLive(token.session, now)) return ENDED
    if (token.type === 'refresh' && this.#isReused(token, now)) return ENDED
    this.#see(token, now)
    return 'ok'
  }

  authenticate(token: Token, now: number): Verdict {
    if (!isInTime(token, now)) return INVALID
    if (!token.session.user.isActive) return 'User is inactive'
    if (!isLive(token.session, now)) return ENDED
    this.#see(token, now)
    return 'ok'
  }

  logOut(token: Token, now: number): Verdict {
    if (!isInTime(token, now)) return INVALID
    const hadEnded = token.session.endedAt !== undefined
    this.#endOnly([token.session], 'logout', now)
    return !hadEnded && token.session.reason === 'logout' ? 'ok' : ENDED
  }

  /** A token that has expired is recognized, and one that a clock which was ahead has issued. */
  revoke(token: Token, now: number): void {
    this.#endOnly([token.session], 'logout', now)
  }

  endAll(user: User, reason: string, now: number, isMeant: (session: Session) => boolean = () => true): void {
    for (const session of this.sessions.filter((session) => session.user === user)) {
      const isOver = this.#isSteady() && isExpired(session, now, this.rules)
      if (!isOver && isMeant(session)) this.#end(session, reason, now)
    }
  }

  changePassword(user: User, password: string, now: number): Session {
    user.password = password
    this.endAll(user, 'password_changed', now)
    return this.logIn(user, now)
  }

  /** Which sessions, by their place among all, have expired and when. */
  expired(now: number): [index: number, at: number][] {
    const isOver = (session: Session) => session.endedAt === undefined && isExpired(session, now, this.rules)
    const when = ({ expiresAt, current }: Session) => Math.min(expiresAt, current.exp * 1000)
    return this.sessions.flatMap((session, index) => (isOver(session) ? [[index, when(session)]] : []))
  }

  /** With confirmed rotation: marks the token before as replaced, now that its successor or the access token beside it is used. */
  #see(token: Token, now: number): void {
    const { session } = token
    const isArrived = token === session.current || token.with === session.current
    if (!isArrived || session.pending === undefined) return
    this.#replace(session.pending, now)
    session.pending = undefined
  }

  #rotate(session: Session, now: number): void {
    session.refreshedAt = now
    if (this.rules.mode === 'off') return
    this.#see(session.current, now)
    if (this.rules.mode === 'confirmed') session.pending = session.current
    else this.#replace(session.current, now)
    session.current = this.#refreshToken(session, now)
  }

  /** Those whose grace is over are forgotten, also where the clock is wrong and only says so. */
  #replace(token: Token, now: number): void {
    const { replaced } = token.session
    for (const older of replaced) if (!this.#isInGrace(older, now)) delete older.replacedAt
    token.replacedAt = now
    replaced.push(token)
  }

  #isReused(token: Token, now: number): boolean {
    const { session } = token
    return token !== session.current && token !== session.pending && !this.#isInGrace(token, now)
  }

  #isInGrace({ replacedAt }: Token, now: number): boolean {
    const { grace } = this.rules
    return grace > 0 && replacedAt !== undefined && now - replacedAt <= grace * 1000 && replacedAt - now <= AHEAD
  }

  /** Of more sessions than a user may have those end that were refreshed longest ago, or when the clock was wrong. */
  #endSurplus(user: User, now: number): void {
    const live = this.sessions.filter((session) => session.user === user && this.#isListed(session, now))
    const used = ({ refreshedAt }: Session) => (refreshedAt > now + AHEAD ? refreshedAt - now - LONG : refreshedAt)
    const newestFirst = live.toReversed().sort((a, b) => used(b) - used(a))
    this.#endOnly(newestFirst.slice(this.rules.sessionsPerUser - 1), 'superseded', now)
  }

  /** Sessions of one user. */
  #endOnly(meant: readonly Session[], reason: string, now: number): void {
    if (meant[0] !== undefined) this.endAll(meant[0].user, reason, now, (session) => meant.includes(session))
  }

  #refreshToken(session: Session, now: number): Token {
    return { type: 'refresh', session, iat: seconds(now), exp: Math.min(seconds(now) + this.rules.refreshTtl, seconds(session.expiresAt)) }
  }

  #isListed(session: Session, now: number): boolean {
    return isLive(session, now) && session.current.exp > seconds(now)
  }

  #end(session: Session, reason: string, at: number): void {
    if (session.endedAt !== undefined) return
    session.endedAt = at
    session.reason = reason
  }
}

/** Whether it has expired with all its tokens. */
function isExpired(session: Session, now: number, { accessTtl }: Rules): boolean {
  return session.expiresAt <= now || session.current.exp + accessTtl <= seconds(now)
}

function isLive(session: Session, now: number): boolean {
  return session.endedAt === undefined && session.expiresAt > now
}

function isInTime(token: Token, now: number): boolean {
  return token.exp > seconds(now) && !isAhead(token, seconds(now))
}

function isAhead({ iat }: Token, nowSeconds: number): boolean {
  return iat > nowSeconds + AHEAD / 1000
}

function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000)
}
