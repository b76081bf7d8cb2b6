import type { Claims } from '../tokens/claims.ts'
import { inspectToken } from './checks.ts'
import type { SessionContext } from './refresh.ts'

/** What is answered about a token (RFC 7662 §2.2). */
export type Introspection = { readonly active: false } | LiveToken

/**
 * RFC 7662 has `Bearer` in mind for `token_type`. Every token here is a bearer token, so that would tell nothing; whoever
 * asks has to know access tokens from refresh tokens, which grant nothing at any other service: so it is our claim.
 */
type LiveToken = { readonly active: true; readonly username: string } & Omit<Claims, 'user_id'>

/** What a token is good for now; of one that is not, nothing is told but that (RFC 7662 §2.2). */
export async function introspect(context: SessionContext, token: string): Promise<Introspection> {
  const good = await inspectToken(context, token)
  if (good === undefined) return { active: false }
  const { username } = good.user
  const { sub, exp, iat, iss, jti, sid, token_type, aud } = good.claims
  return { active: true, sub, username, exp, iat, iss, jti, sid, token_type, ...(aud !== undefined && { aud }) }
}
