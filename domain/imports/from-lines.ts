import { openLineStore } from '../../db/open.ts'
import { LINE_COLUMNS, type LineStore } from '../../db/sources/lines.ts'
import type { SourceValue } from '../../db/sources/source.ts'
import { excerpt, harmless } from '../text.ts'
import type { TableOptions } from './from-table.ts'
import { type Line, readLines } from './lines.ts'
import { ImportRefused, type SourceToken, type UserSource } from './source.ts'
import type { SourceUser } from './user.ts'

const OUTSTANDING = 'token_blacklist.outstandingtoken'
const BLACKLISTED = 'token_blacklist.blacklistedtoken'
const OF_USERS = ['password', 'last_login', 'is_superuser']
const DJANGOS_OWN = 'auth.user'
/** Texts of Django's users that are no names to log in with. */
const NO_NAMES = new Set(['password', 'last_login', 'date_joined', 'first_name', 'last_name'])
const LIKE_A_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d/
const INT8_LIMIT = 2n ** 63n

/** What a line of `dumpdata` says. */
interface Row {
  readonly model: string
  readonly pk: unknown
  readonly fields: Readonly<Record<string, unknown>>
}

/**
 * The users in lines of `dumpdata --format jsonl`, in any order and among lines of other models. All are read before the first is used, so that
 * nothing is done with a file of which a line is wrong.
 *
 * @param place what the lines are of, for people to read
 * @throws {ImportRefused} with the number of the line that is wrong
 */
export async function usersOfLines(place: string, chunks: AsyncIterable<Buffer>, asked: TableOptions): Promise<UserSource> {
  const store = openLineStore()
  const reader = new Reader(store, asked)
  try {
    for await (const line of readLines(chunks)) reader.read(line)
    reader.end()
    return sourceOf(place, store, reader)
  } catch (error) {
    store.close()
    throw error instanceof ImportRefused ? new ImportRefused(`${place}: ${error.message}`) : error
  }
}

function sourceOf(place: string, store: LineStore, { model, usernameColumn, skipped }: Reader): UserSource {
  return {
    place,
    table: model as string,
    usernameColumn: usernameColumn as string,
    skipped,
    lastId: async () => store.highestId(),
    usersAfter: async (id, limit) => store.usersAfter(id, limit).map(userOf),
    deadTokensAfter: async (key, limit) => store.revokedAfter(key, limit).map(tokenOf),
    close: async () => store.close(),
  }
}

function userOf([id, ...values]: readonly SourceValue[]): SourceUser {
  const members = Object.fromEntries(LINE_COLUMNS.map((name, index) => [name, values[index] ?? null]))
  return { id: id as bigint, ...(members as Omit<SourceUser, 'id'>) }
}

function tokenOf([key, jti, userId, expiresAt]: readonly SourceValue[]): SourceToken {
  return { key: key as bigint, jti: jti as string | null, userId: userId as bigint | null, expiresAt: expiresAt as string | null }
}

/** Reads lines into a store. */
class Reader {
  model: string | undefined
  usernameColumn: string | undefined
  /** Lines of other models. */
  skipped = 0
  /** The first line of a model that was too long to be read. */
  readonly #long = new Map<string, number>()
  readonly #store: LineStore
  readonly #asked: TableOptions

  constructor(store: LineStore, asked: TableOptions) {
    this.#store = store
    this.#asked = asked
  }

  /** @throws {ImportRefused} */
  read(line: Line): void {
    if (line.isWhole) this.#readWhole(line, rowOf(line))
    else this.#skipLong(line)
  }

  #readWhole(line: Line, row: Row): void {
    if (this.#isUser(row)) this.#addUser(line, row)
    else if (row.model === OUTSTANDING) this.#addToken(line, row)
    else if (row.model === BLACKLISTED) this.#store.addRevoked(idOf(line, row.pk), idOf(line, row.fields.token))
    else this.skipped++
  }

  #skipLong({ number, text }: Line): void {
    const [, model = ''] = /^\s*\{\s*"model":\s*"([^"]+)"/.exec(text) ?? []
    if (!this.#long.has(model)) this.#long.set(model, number)
    this.skipped++
  }

  /** To be called after the last line. @throws {ImportRefused} when one that is needed was too long to be read */
  end(): void {
    const number = this.#long.get('') ?? this.#long.get(this.model ?? '')
    if (number !== undefined) throw new ImportRefused(`line ${number} is too long`)
    if (this.model === undefined) throw new ImportRefused(`no line is one of a user: of a model with ${OF_USERS.join(', ')}`)
  }

  #isAsked(model: string): boolean {
    const { table } = this.#asked
    // An app's name has upper case where its folder has; a model's has none in lines, and that of a table is of both.
    return table !== undefined && [model, model.replace('.', '_')].some((name) => name.toLowerCase() === table.toLowerCase())
  }

  #isUser({ model, fields }: Row): boolean {
    if (this.#asked.table !== undefined) return this.#isAsked(model)
    return OF_USERS.every((name) => name in fields)
  }

  #addUser(line: Line, { model, pk, fields }: Row): void {
    this.model ??= model
    if (this.model !== model)
      throw new ImportRefused(`several models are users: name one by --table: ${[this.model, model].map(harmless).join(', ')}`)
    this.usernameColumn ??= this.#usernameColumnOf(model, fields)
    const name = this.usernameColumn
    const missing = [name, ...OF_USERS].find((field) => !(field in fields))
    if (missing !== undefined) throw new ImportRefused(`line ${line.number} has no field "${excerpt(missing)}"`)
    const values = LINE_COLUMNS.map((column) => asValue(fields[column === 'username' ? name : column]))
    const before = this.#store.addUser(line.number, idOf(line, pk), values)
    if (before !== undefined) throw new ImportRefused(`line ${line.number} has the pk of line ${before}`)
  }

  #usernameColumnOf(model: string, fields: Row['fields']): string {
    const asked = this.#asked.usernameColumn
    if (asked !== undefined) return asked
    if (model === DJANGOS_OWN) return 'username'
    const texts = Object.keys(fields).filter((name) => isName(name, fields[name]))
    const [only] = texts
    if (only !== undefined && texts.length === 1) return only
    throw new ImportRefused(
      `name the field of ${harmless(model)} that users log in with (USERNAME_FIELD) by --username-column: ${texts.map(harmless).join(', ')}`,
    )
  }

  #addToken(line: Line, { pk, fields }: Row): void {
    const { jti, user, expires_at } = fields
    this.#store.addToken(idOf(line, pk), {
      jti: typeof jti === 'string' ? jti : null,
      userId: typeof user === 'number' && Number.isSafeInteger(user) ? BigInt(user) : null,
      expiresAt: typeof expires_at === 'string' ? expires_at : null,
    })
  }
}

/** @throws {ImportRefused} without the text of the line, which may have a password's hash */
function rowOf({ number, text }: Line): Row {
  let row: unknown
  try {
    row = JSON.parse(text)
  } catch {
    throw new ImportRefused(`line ${number} is no JSON`)
  }
  const { model, fields } = (row ?? {}) as Partial<Row>
  if (typeof model === 'string' && typeof fields === 'object' && fields !== null) return row as Row
  throw new ImportRefused(`line ${number} is none of dumpdata: it needs model, pk and fields`)
}

/** @throws {ImportRefused} */
function idOf({ number, text }: Line, pk: unknown): bigint {
  const isWhole = typeof pk === 'number' && Number.isInteger(pk)
  if (!isWhole) {
    throw new ImportRefused(
      `line ${number}: its id is no whole number, but "${excerpt(String(pk))}". UUIDs and texts cannot be ids here, nor in the tokens`,
    )
  }
  // A larger one was rounded when the line was parsed.
  const digits = Number.isSafeInteger(pk) ? String(pk) : (/"pk":\s*(-?\d+)/.exec(text)?.[1] ?? '')
  const id = /^-?\d+$/.test(digits) ? BigInt(digits) : INT8_LIMIT
  if (id < INT8_LIMIT && id >= -INT8_LIMIT) return id
  throw new ImportRefused(`line ${number}: its id has more than 64 bits`)
}

function isName(name: string, value: unknown): boolean {
  return typeof value === 'string' && !NO_NAMES.has(name) && !LIKE_A_TIME.test(value)
}

function asValue(value: unknown): SourceValue {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : null
}
