// A careful client: it keeps a user logged in over expired tokens, lost answers and busy moments, and tells when the session has ended.
import { type Client, createClient } from './generated/client/index.ts'
import { blacklistToken, type Problem, refreshToken } from './generated/index.ts'

/** What is kept of a login. Without an access token the first call refreshes. */
export interface Kept {
  readonly username: string
  readonly refresh: string
  readonly access?: string
}

export interface Store {
  read(): Promise<Kept | undefined>
  write(kept: Kept | undefined): Promise<void>
  /** Writes where this refresh token is still the one that is kept, in one step: a logout or another login may come in between. */
  replace(refresh: string, next: Kept | undefined): Promise<void>
}

export interface Options {
  readonly baseUrl: string
  readonly store: Store
  /** The service, or another tab, has ended the session: the user has to log in again. Called once, and not after `logOut`. */
  readonly onEnd: () => void
  readonly fetch?: (request: Request) => Promise<Response>
  readonly wait?: (seconds: number) => Promise<unknown>
  /** Runs one job of a name at a time, in all tabs together. */
  readonly lock?: <T>(name: string, job: () => Promise<T>) => Promise<T>
}

const MOST_REPEATS = 3
/** An answer that asks for a longer wait is the caller's: a person should be told. */
const LONGEST_WAIT_SECONDS = 10
/** Shorter than the half minute in which a refresh whose answer was lost may be repeated. */
const TIMEOUT_MS = 20_000

/** In the place of the access token. */
const MARK = 'access'

const defaults: Pick<Required<Options>, 'fetch' | 'wait' | 'lock'> = {
  fetch: (request) => fetch(request, { signal: AbortSignal.any([request.signal, AbortSignal.timeout(TIMEOUT_MS)]) }),
  wait: (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000)),
  // Browsers have locks on pages from https and localhost. Elsewhere two tabs may refresh at once, and get the same tokens.
  lock: (name, job) => globalThis.navigator?.locks?.request(name, job) ?? job(),
}

/** The session of one user. Make another one with the tokens of each login, and with those that a password change answers. */
export class Session {
  /** For the generated functions: `getMe({ client })`. */
  readonly client: Client
  readonly #options: Required<Options>
  readonly #username: string
  readonly #plain: Client
  #renewing: Promise<string | undefined> | undefined
  #isOver = false

  private constructor(options: Options, username: string) {
    this.#options = { ...defaults, ...options }
    this.#username = username
    const { baseUrl } = options
    this.#plain = createClient({ baseUrl, fetch: (input, init) => this.#patiently(new Request(input, init)) })
    // The generated code says which calls want a token; #send puts it in, and another one for a repeat.
    const auth = ({ scheme }: { scheme?: string }) => (scheme === 'bearer' ? MARK : undefined)
    this.client = createClient({ baseUrl, auth, fetch: (input, init) => this.#send(new Request(input, init)) })
  }

  static async start(options: Options, kept: Kept): Promise<Session> {
    await options.store.write(kept)
    return new Session(options, kept.username)
  }

  /** The session that was kept, after a reload or a restart. */
  static async resume(options: Options): Promise<Session | undefined> {
    const kept = await options.store.read()
    return kept && new Session(options, kept.username)
  }

  /** Forgets the tokens, also offline. Resolves to whether the service has confirmed that the session has ended. */
  async logOut(): Promise<boolean> {
    const kept = await this.#kept()
    this.#isOver = true
    if (kept === undefined) return false
    await this.#options.store.write(undefined)
    const { data } = await blacklistToken({ client: this.#plain, body: { refresh: kept.refresh } })
    return data !== undefined
  }

  /** Nothing once this session is over, or where another user has logged in since: no call is made in another's name. */
  async #kept(): Promise<Kept | undefined> {
    const kept = this.#isOver ? undefined : await this.#options.store.read()
    return kept?.username === this.#username ? kept : undefined
  }

  /** Whether a token has expired is what the service says, for the clock of a device may be wrong. One refresh, one repeat, no more. */
  async #send(request: Request): Promise<Response> {
    if (request.headers.get('authorization') !== `Bearer ${MARK}`) return this.#patiently(request)
    const access = (await this.#kept())?.access ?? (await this.#renew())
    const answer = await this.#patiently(withToken(request, access))
    if (access === undefined || !(await isTokenRefused(answer))) return answer
    const renewed = await this.#renew(access)
    return renewed === undefined ? answer : this.#patiently(withToken(request, renewed))
  }

  /** Waits as long as `Retry-After` says, and sends it again. */
  async #patiently(request: Request): Promise<Response> {
    for (let repeats = 0; ; repeats++) {
      const answer = await this.#options.fetch(request.clone())
      const seconds = Number(answer.headers.get('retry-after') ?? Number.NaN)
      if (repeats === MOST_REPEATS || !mayRepeat(request, answer) || !(seconds <= LONGEST_WAIT_SECONDS)) return answer
      await this.#options.wait(seconds)
    }
  }

  /** An access token in the place of one that was refused: one refresh for all who ask meanwhile. */
  async #renew(refused?: string): Promise<string | undefined> {
    this.#renewing ??= this.#options
      .lock(`latchkey ${this.#username}`, () => this.#refresh(refused))
      .finally(() => {
        this.#renewing = undefined
      })
    const access = await this.#renewing
    // It may have begun for others, for whom this token was the new one.
    return access !== undefined && access === refused ? this.#renew(refused) : access
  }

  /** @throws what kept the service from saying yes or no: the tokens are kept then, and it becomes the error of the call. */
  async #refresh(refused: string | undefined): Promise<string | undefined> {
    const kept = await this.#kept()
    if (kept === undefined) return this.#end()
    // Another caller, or another tab, was here before.
    if (kept.access !== undefined && kept.access !== refused) return kept.access
    const { store } = this.#options
    try {
      const next = await this.#exchange(kept).catch((error) => (isProblem(error) ? Promise.reject(error) : this.#exchange(kept)))
      await store.replace(kept.refresh, next)
      return (await this.#kept()) && next.access
    } catch (error) {
      if (!isProblem(error) || error.status !== 401) throw error
      await store.replace(kept.refresh, undefined)
      // A password change, or another login of the same user, may have put new tokens there meanwhile.
      const now = await this.#kept()
      return now && now.refresh !== kept.refresh ? this.#refresh(refused) : this.#end()
    }
  }

  /**
   * Without an answer the token may have been replaced all the same: for half a minute it is answered with the same successor, so that
   * this can be called again.
   */
  async #exchange({ username, refresh }: Kept): Promise<Kept> {
    const { data } = await refreshToken({ client: this.#plain, body: { refresh }, throwOnError: true })
    // A page that a network puts in the way may be 200, too.
    if (typeof data?.access !== 'string') throw new TypeError('The answer to a refresh has no tokens.')
    return { username, refresh: data.refresh ?? refresh, access: data.access }
  }

  #end(): undefined {
    if (!this.#isOver) this.#options.onEnd()
    this.#isOver = true
  }
}

function withToken(request: Request, access: string | undefined): Request {
  const own = request.clone()
  if (access === undefined) own.headers.delete('authorization')
  else own.headers.set('authorization', `Bearer ${access}`)
  return own
}

async function isTokenRefused(answer: Response): Promise<boolean> {
  const body: unknown =
    answer.status === 401
      ? await answer
          .clone()
          .json()
          .catch(() => undefined)
      : undefined
  return isProblem(body) && body.code === 'token_not_valid'
}

/** Not the page of a proxy, nor an error of the network. */
function isProblem(error: unknown): error is Problem {
  return typeof error === 'object' && error !== null && 'code' in error && 'status' in error
}

/** What is answered 429 was not done. Of 503 nobody knows behind a proxy: only what may be done twice is sent again (RFC 9110 §9.2.2). A login may not. */
function mayRepeat({ method, url }: Request, { status }: Response): boolean {
  return status === 429 || (status === 503 && (method !== 'POST' || /\/api\/token\/\w/.test(new URL(url).pathname)))
}
