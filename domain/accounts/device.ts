import { findUserById } from '../../db/users.ts'
import { toSeconds } from '../clock.ts'
import type { Core } from '../context.ts'
import type { Tokens } from '../tokens/tokens.ts'

/**
 * The device that an attempt to log in comes from, if it shows a refresh token that the user had before, be it expired, replaced or of a
 * session that has ended (OWASP's device cookie). It grants nothing but a count of failures of its own.
 *
 * @param token of the header `X-Device-Token`
 * @param username whose password is tried
 * @returns the `sid` of the token; undefined for a token that is not ours, or of another user
 * @throws {DatabaseUnavailable}
 */
export async function deviceOf(
  { db, tokens }: Pick<Core, 'db'> & { readonly tokens: Tokens },
  token: string | undefined,
  username: string,
): Promise<string | undefined> {
  const claims = token === undefined ? undefined : await tokens.recognize(token)
  if (claims?.token_type !== 'refresh') return undefined
  const user = await findUserById(db.read, claims.user_id)
  // After the restore of a backup an id may be given again: a token that is older than its user is another's.
  const isTheirs = user?.username === username && toSeconds(user.created_at) <= claims.iat
  return isTheirs ? claims.sid : undefined
}
