import { LINE_COLUMNS, type LineStore } from '../sources/lines.ts'
import type { SourceValue } from '../sources/source.ts'
import { onScratch, openTemporary } from './scratch.ts'

const LOWEST = -(2n ** 63n)

/** A store that is gone when it is closed. */
export function openLineStore(): LineStore {
  const sqlite = openTemporary()
  sqlite.exec(`
    create table users (id integer primary key, line, ${LINE_COLUMNS.join(', ')});
    create table tokens (id integer primary key, jti, user_id, expires_at);
    create table revoked (id integer primary key, token_id);
    begin`)
  const places = LINE_COLUMNS.map(() => '?').join(', ')
  const addUser = sqlite.prepare(`insert into users values (?, ?, ${places}) on conflict do nothing`)
  const lineOf = sqlite.prepare('select line from users where id = ?').pluck()
  const addToken = sqlite.prepare('insert or replace into tokens values (?, ?, ?, ?)')
  const addRevoked = sqlite.prepare('insert or replace into revoked values (?, ?)')
  const users = sqlite.prepare(`select id, ${LINE_COLUMNS.join(', ')} from users where id > ? order by id limit ?`)
  const revoked = sqlite.prepare(
    'select revoked.id, jti, user_id, expires_at from revoked join tokens on tokens.id = token_id where revoked.id > ? order by revoked.id limit ?',
  )
  const highest = sqlite.prepare('select max(id) from users').pluck().safeIntegers()
  return {
    addUser: (line, id, values) => onScratch(() => (addUser.run(id, line, values).changes === 0 ? (lineOf.get(id) as number) : undefined)),
    addToken: (id, { jti, userId, expiresAt }) => onScratch(() => void addToken.run(id, jti, userId, expiresAt)),
    addRevoked: (id, tokenId) => onScratch(() => void addRevoked.run(id, tokenId)),
    usersAfter: (id = LOWEST, limit) => onScratch(() => users.safeIntegers().raw().all(id, limit) as SourceValue[][]),
    revokedAfter: (id = LOWEST, limit) => onScratch(() => revoked.safeIntegers().raw().all(id, limit) as SourceValue[][]),
    highestId: () => (highest.get() as bigint | null) ?? 0n,
    close() {
      sqlite.close()
    },
  }
}
