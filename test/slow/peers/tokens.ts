import type { Test } from 'tap'
import { makeClient } from '../../../harness/api-client.ts'
import { freePorts } from '../../../harness/free-ports.ts'
import { claimsOf, PASSWORD } from '../../helper.ts'
import { serve } from '../../server/in-process.ts'
import { bare, folder, postTo, run, type Service, start } from '../../server/process.ts'

type Tokens = Readonly<Record<string, string>>

/** A Latchkey that runs, and tokens that it issued, or that look as if it had, by what they are. */
export interface Issuer {
  readonly service: Service
  /** What a program has in its environment. */
  readonly env: Readonly<Record<'ISSUER' | 'AUDIENCE' | 'CLIENT_ID' | 'CLIENT_SECRET', string>>
  readonly good: string
  /** Tokens that open nothing. */
  readonly bad: Tokens
  /** Tokens of earlier settings, which Latchkey itself takes until they expire. */
  readonly earlier: Tokens
  /** Tokens of sessions that have ended. */
  readonly ended: Tokens
}

interface Pair {
  readonly access: string
  readonly refresh: string
}

/** Starts a Latchkey with these settings, and others for a moment, for the tokens that are not for it. */
export async function issuer(t: Test, settings: Record<string, string> = {}): Promise<Issuer> {
  const [port = 0] = await freePorts(1)
  const DATABASE_URL = `file:${folder(t)}/latchkey.db`
  const url = `http://127.0.0.1:${port}`
  const env = { PUBLIC_URL: url, JWT_ISSUER: url, DATABASE_URL, ACCESS_TOKEN_TTL: '3600', LIMITS: 'off', ...settings }
  const expired = await issuedElsewhere(t, { ...env, ACCESS_TOKEN_TTL: '300' }, -600)
  const stranger = await issuedElsewhere(t, { ...env, DATABASE_URL: `file:${folder(t)}/latchkey.db` })
  const earlier = await earlierTokens(t, env)
  const service = await start(t, { ...env, PORT: String(port), HOST: '127.0.0.1' })
  const { client_id, client_secret } = await makeClient(DATABASE_URL)
  const { access: good, refresh } = await logIn(service.url, 'peer')
  return {
    service,
    env: { ISSUER: env.JWT_ISSUER, AUDIENCE: settings.JWT_AUDIENCE ?? '', CLIENT_ID: client_id, CLIENT_SECRET: client_secret },
    good,
    bad: {
      'the refresh token': refresh,
      'a token with a byte changed': tampered(good),
      'an unsigned token': unsigned(good),
      'an expired token': expired,
      'a token of another Latchkey': stranger,
      'what is no token': 'no.to.ken',
    },
    earlier,
    ended: await endedSessions(t, service, DATABASE_URL),
  }
}

/** The access token of a user whom a Latchkey knows that runs for a moment, its clock so many seconds from ours. */
async function issuedElsewhere(t: Test, env: Record<string, string>, seconds = 0): Promise<string> {
  const { url, close } = await serve(t, env, () => Date.now() + seconds * 1000)
  // The user's id is the second, so that no program answers it by accident.
  await logIn(url, 'first')
  const { access } = await logIn(url, 'peer')
  await close()
  return access
}

async function earlierTokens(t: Test, env: Record<string, string>): Promise<Tokens> {
  return {
    // The key set has a key of that algorithm, too.
    'a token of another algorithm': await issuedElsewhere(t, { ...env, JWT_ALGORITHM: 'EdDSA' }),
    'a token of the same keys for another issuer': await issuedElsewhere(t, { ...env, JWT_ISSUER: 'https://other.example' }),
    ...(env.JWT_AUDIENCE !== undefined && {
      'a token of the same keys for another audience': await issuedElsewhere(t, { ...env, JWT_AUDIENCE: 'https://other.example' }),
    }),
  }
}

async function endedSessions(t: Test, { url }: Service, DATABASE_URL: string): Promise<Tokens> {
  const out = await logIn(url, 'peer')
  await postTo(`${url}/api/token/blacklist/`, { refresh: out.refresh })
  const disabled = await logIn(url, 'disabled')
  await run(t, { DATABASE_URL }, bare(process.execPath, 'cli.ts', 'users', 'disable', 'disabled'))
  const changed = await logIn(url, 'changed')
  await account(url, changed, 'password', { current_password: PASSWORD, new_password: `${PASSWORD} and more` })
  const deleted = await logIn(url, 'deleted')
  await account(url, deleted, 'delete', { password: PASSWORD })
  return {
    'a token after the logout': out.access,
    'a token of a user who is disabled': disabled.access,
    'a token from before a change of the password': changed.access,
    'a token of a user who is deleted': deleted.access,
  }
}

/** A login by a user of this name, who is registered first if need be. */
async function logIn(url: string, username: string): Promise<Pair> {
  await postTo(`${url}/api/users/`, { username, password: PASSWORD })
  return (await postTo(`${url}/api/token/`, { username, password: PASSWORD })).body as Pair
}

async function account(url: string, { access }: Pair, what: string, body: object): Promise<void> {
  const { status } = await postTo(`${url}/api/users/me/${what}/`, body, { authorization: `Bearer ${access}` })
  if (status !== 200) throw new Error(`${what}: ${status}`)
}

/** The token with one byte in the middle of its signature changed. */
function tampered(token: string): string {
  const at = token.length - 40
  return `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`
}

/** The token without its signature, as one that says it needs none. */
function unsigned(token: string): string {
  const header = Buffer.from(JSON.stringify({ alg: 'none', typ: 'JWT' })).toString('base64url')
  return `${header}.${token.split('.')[1]}.`
}

/** The user's id that a token names. */
export const userOf = (token: string) => claimsOf(token).sub
