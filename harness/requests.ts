// The requests of clients as HTTP text, for `Client.ask`.
import type { ClientMembers } from './api-client.ts'
import { postRequest } from './client.ts'

export const register = (username: string, password: string) => json('/api/users/', { username, password })
export const logIn = (username: string, password: string) => json('/api/token/', { username, password })
export const logOut = (refresh: string) => json('/api/token/blacklist/', { refresh })
export const revoke = (token: string) => json('/api/token/revoke/', { token })

export const refresh = (token: string) => json('/api/token/refresh/', { refresh: token })
export const verify = (token: string) => json('/api/token/verify/', { token })
export const authenticate = (access: string) => json('/api/token/authentication-token-header/', {}, bearer(access))

export const introspect = (token: string, client: ClientMembers) => json('/api/token/introspect/', { token, ...client })
export const introspectRefresh = (token: string, client: ClientMembers) =>
  json('/api/token/introspect/', { token, token_type_hint: 'refresh_token', ...client })

export const changePassword = (access: string, current_password: string, new_password: string) =>
  json('/api/users/me/password/', { current_password, new_password }, bearer(access))

function json(path: string, body: object, headers: Record<string, string> = {}): string {
  return postRequest(path, JSON.stringify(body), headers)
}

function bearer(access: string): Record<string, string> {
  return { authorization: `Bearer ${access}` }
}
