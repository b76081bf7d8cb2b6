// Who the user is whose access token comes with a request: by the token itself, or by asking Latchkey.
import { createRemoteJWKSet, errors, jwtVerify } from 'jose'

const { ISSUER, AUDIENCE, CLIENT_ID, CLIENT_SECRET } = process.env

// Made once: it keeps the keys, here for five minutes.
const keys = createRemoteJWKSet(new URL(`${ISSUER}/.well-known/jwks.json`), { cacheMaxAge: 300_000 })
const expected = { issuer: ISSUER, audience: AUDIENCE || undefined, algorithms: ['ES256'], requiredClaims: ['sub', 'exp'] }

// What jose throws where it has no keys: that says nothing about the token.
const OUTAGES = ['ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID', 'ERR_JOSE_GENERIC']

/** The token of an `Authorization` header, if it has one. */
export const tokenOf = (header = '') => /^Bearer +([\w.~+/-]+=*)$/i.exec(header)?.[1]

/** The id of the token's user, undefined when the token is not good. Throws when the keys cannot be had. */
export async function offline(token) {
  try {
    return (await jwtVerify(token, keys, expected)).payload.sub
  } catch (error) {
    if (error instanceof errors.JOSEError && !OUTAGES.includes(error.code)) return undefined
    throw error
  }
}

/** The same as Latchkey says now. Throws when it does not say. */
export async function asked(token) {
  const answer = await fetch(`${ISSUER}/api/token/introspect/`, {
    method: 'POST',
    headers: { Authorization: `Basic ${btoa(`${CLIENT_ID}:${CLIENT_SECRET}`)}` },
    body: new URLSearchParams({ token }),
    redirect: 'error',
    signal: AbortSignal.timeout(2000),
  })
  if (answer.status !== 200) throw new Error(`Latchkey answers ${answer.status}`)
  const { active, token_type, sub } = await answer.json()
  return active === true && token_type === 'access' ? sub : undefined
}
