/** What every endpoint that asks for an access token, and so for the database, can be answered with. */
export const bearerCodes = [
  'bad_authorization_header',
  'not_authenticated',
  'token_not_valid',
  'user_not_found',
  'user_inactive',
  'database_unavailable',
] as const
