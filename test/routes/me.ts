import type { TestApp } from '../helper.ts'
import { invalid, problem } from '../wire/wire.ts'

export const ME = '/api/users/me/'
export const SESSIONS = '/api/users/me/sessions/'
export const CHANGE = '/api/users/me/password/'
export const DELETE_ME = '/api/users/me/delete/'
export const NEXT = 'another horse battery'
export const ENDED = 'Token is blacklisted'
export const gone = { status: 204, body: '', challenge: undefined, type: '', order: [] }
export const notFound = problem(404, 'not_found', 'Not found.')
export const wrong = (field: string) => invalid({ [field]: ['Invalid password.'] })

export const bearer = (access: string) => ({ authorization: `Bearer ${access}` })
export const get = (app: TestApp, url: string, access: string) => app.inject({ url, headers: bearer(access) })
export const remove = (app: TestApp, url: string, access: string) => app.inject({ method: 'DELETE', url, headers: bearer(access) })
export const reasonsOf = async (app: TestApp) => {
  const rows = await app.db.read.selectFrom('sessions').select('end_reason').orderBy('id').execute()
  return rows.map(({ end_reason }) => end_reason)
}
