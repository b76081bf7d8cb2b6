import type { Core } from '../context.ts'
import type { Claims } from '../tokens/claims.ts'
import { isLegacy } from '../tokens/legacy.ts'
import type { Tokens } from '../tokens/tokens.ts'
import { inspectToken } from './checks.ts'

/** The answer about a token (RFC 7662 §2.2). */
export type Introspection = { readonly active: false } | LiveToken

/**
 * `token_type` is our own claim of that name, `access` or `refresh`, so that a service can refuse refresh tokens. RFC 7662
 * means `Bearer` or the like by it, which is true of every token here.
 */
type LiveToken = { readonly active: true; readonly username: string } & Omit<Claims, 'user_id' | 'sid' | 'iss'> &
  Partial<Pick<Claims, 'sid' | 'iss'>>

/**
 * What a token says if it is good now. Of any other the answer says only that it is not active (RFC 7662 §2.2), and so it is of a refresh
 * token that was not asked for as one: a service that looks at `active` alone would let its holder in.
 *
 * @param hint `token_type_hint` of the request (RFC 7662 §2.1)
 */
export async function introspect(core: Core & { readonly tokens: Tokens }, token: string, hint: unknown): Promise<Introspection> {
  const good = await inspectToken(core, token, hint === 'refresh_token' ? undefined : 'access')
  if (good === undefined) return { active: false }
  const { username } = good.user
  if (isLegacy(good.claims)) {
    const { user_id, hash_password: _, ...claims } = good.claims
    return { active: true, sub: String(user_id), username, ...claims }
  }
  const { sub, exp, iat, iss, jti, sid, token_type, aud, client_id } = good.claims
  const optional = { ...(aud !== undefined && { aud }), ...(client_id !== undefined && { client_id }) }
  return { active: true, sub, username, exp, iat, iss, jti, sid, token_type, ...optional }
}
