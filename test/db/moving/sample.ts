import type { Database, Handle } from '../../../db/database.ts'
import { adapterOf } from '../../../db/dialect.ts'
import { movedTables } from '../../../db/moving/rows.ts'

/** An id that no number of 32 bits could be, and the highest that a number of JavaScript tells apart. */
const BIG_ID = 5_000_000_000
const HIGHEST = Number.MAX_SAFE_INTEGER

/** That were given, to rows that are no more. */
export const highestIds = { users: BIG_ID + 7, sessions: BIG_ID + 8, auth_events: BIG_ID + 9 }

/** Texts that a database could change: what sorts, compares or is encoded in ways of its own. */
const TEXTS = ["Ünïcödé 👩🏽‍🚀 'quoted' \"\\n", 'ΟΔΥΣΣΕΎΣ', ' a\tb\r\n', '\u{10ffff}\ufffd\ue000', '']

/**
 * Fills a database with rows in which every column has a value, and is null where it can be. Of each kind of id a higher one was given to a row
 * that is no more.
 */
export async function fillWithSample(db: Database): Promise<void> {
  await db.write(async (handle) => {
    for (const add of [addUsers, addSessions, addEvents, addKeys, addLimits, addImported]) await add(handle)
    await handle.insertInto('locks').values({ name: 'health' }).execute()
  })
}

async function addUsers(db: Handle): Promise<void> {
  const user = (id: number, username: string) => ({
    id,
    username,
    username_key: username.toLowerCase(),
    password: `$argon2id$${id}`,
    is_active: 1 as 0 | 1,
    is_staff: 0 as 0 | 1,
    is_superuser: 0 as 0 | 1,
    created_at: 1,
    changed_at: 2,
  })
  const users = TEXTS.map((text, index) => user(index + 1, text))
  const administered = { is_active: 0 as const, is_staff: 1 as const, is_superuser: 1 as const, email: TEXTS[0] as string }
  const times = { created_at: HIGHEST, last_login_at: HIGHEST, changed_at: HIGHEST, imported_at: HIGHEST, tokens_revoked_at: HIGHEST }
  const last = { ...user(BIG_ID, 'e\u0301'), username_nfc: '\u00e9', imported_hash_md5: 'AB', ...administered, ...times }
  await db
    .insertInto('users')
    .values([...users, last])
    .execute()
  await giveIds(db, 'users')
}

async function addSessions(db: Handle): Promise<void> {
  const session = {
    user_id: 1,
    created_at: 1,
    refreshed_at: 2,
    expires_at: HIGHEST,
    refresh_jti: 'a',
    refresh_iat: 3,
    refresh_exp: 4,
    replaced: '',
  }
  const elsewhere = { elsewhere_at: 5, elsewhere_address: '2001:db8::7', elsewhere_client: TEXTS[0] as string }
  const ended = { ended_at: 6, end_reason: 'logout' as const, pending_jti: 'b', address: '192.0.2.7', client: TEXTS[1] as string }
  await db
    .insertInto('sessions')
    .values({ ...session, id: 1 })
    .execute()
  await db
    .insertInto('sessions')
    .values({ ...session, id: BIG_ID, user_id: BIG_ID, sid_secret: 's', ...elsewhere, ...ended, replaced: 'c@7 d@8' })
    .execute()
  await giveIds(db, 'sessions')
}

async function addEvents(db: Handle): Promise<void> {
  await db.insertInto('auth_events').values({ id: 2, at: 1, last_at: 1, kind: 'login_failed' }).execute()
  const who = { user_id: BIG_ID, username: TEXTS[0] as string, name_hash: 'hash', session_id: '1.s', actor_id: HIGHEST, actor_name: 'root' }
  const where = { subject: 'kid', address: '192.0.2.7', client: 'curl/8', request_id: 'req-1' }
  await db
    .insertInto('auth_events')
    .values({ id: BIG_ID, at: 1, last_at: 2, count: 3, kind: 'login', reason: 'x', ...who, ...where })
    .execute()
  await giveIds(db, 'auth_events')
}

async function addKeys(db: Handle): Promise<void> {
  const key = { use: 'access' as const, algorithm: 'ES256', created_at: 1, signs_from: 2, used_at: 3, token_ttl: 4 }
  const private_key = '-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n'
  await db
    .insertInto('signing_keys')
    .values([
      { ...key, kid: 'one', refresh_until: null, private_key: null, public_key: null, retired_at: null },
      { ...key, kid: 'two', refresh_until: 5, private_key, public_key: private_key, retired_at: 6 },
    ])
    .execute()
  const claims = ['', 'https://auth.example.com', 'https://old.example.com'].map((value) => ({ value, used_at: 1, token_ttl: 2 }))
  await db
    .insertInto('issued_claims')
    .values(
      claims.flatMap((each) => [
        { claim: 'iss' as const, ...each },
        { claim: 'aud' as const, ...each },
      ]),
    )
    .execute()
  const client = { name: 'shop', secret_hash: 'ab', created_at: 1 }
  await db
    .insertInto('clients')
    .values([
      { ...client, client_id: 'c1' },
      { ...client, client_id: 'c2', revoked_at: 2 },
    ])
    .execute()
  await db.insertInto('secrets').values({ name: 'names', value: 'encrypted' }).execute()
}

async function addLimits(db: Handle): Promise<void> {
  await db
    .insertInto('tallies')
    .values({ key: 'k', count: 1, in_flight: 2, in_flight_until: 3, next_at: 4, since: 5, expires_at: 6 })
    .execute()
  const place = { asked_at: 1, is_used: 1 as const, expires_at: 2 }
  const members = ['a', 'b'].flatMap((lane) =>
    ['a', 'b'].flatMap((party) => ['a', 'b'].map((member) => ({ lane, party, member, ...place }))),
  )
  await db
    .insertInto('lane_places')
    .values(members.map((member, index) => ({ ...member, at: index || null })))
    .execute()
  await db
    .insertInto('known_addresses')
    .values(['192.0.2.7', '2001:db8::'].map((network) => ({ user_id: 1, network, last_at: 3 })))
    .execute()
}

async function addImported(db: Handle): Promise<void> {
  await db
    .insertInto('deleted_users')
    .values([1, HIGHEST].map((user_id) => ({ user_id, deleted_at: 1 })))
    .execute()
  const token = { user_id: 1, expires_at: HIGHEST }
  await db
    .insertInto('legacy_tokens')
    .values([
      { ...token, jti: 'live', session_id: BIG_ID },
      { ...token, jti: 'dead', session_id: null },
    ])
    .execute()
  const kinds = ['a', 'b'].flatMap((kind) => [0, 1].map((part) => ({ kind, part, users: HIGHEST, moved: part })))
  await db.insertInto('password_kinds').values(kinds).execute()
}

function giveIds(db: Handle, table: keyof typeof highestIds): Promise<void> {
  return adapterOf(db).setLastId(db, table, highestIds[table])
}

/** All that is moved: the rows of each table in the order of their texts, and the ids that were given last. */
export async function contentOf({ read }: Database): Promise<Record<string, unknown>> {
  const content: Record<string, unknown> = {}
  for (const table of movedTables) {
    const rows = await read.selectFrom(table).selectAll().execute()
    content[table] = rows.map((row) => JSON.stringify(row, Object.keys(row).sort())).sort()
  }
  for (const table of Object.keys(highestIds)) content[`ids of ${table}`] = await adapterOf(read).lastIdOf(read, table)
  return content
}
