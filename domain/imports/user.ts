import { judgeHash } from '../../db/password-hashes.ts'
import type { SourceValue } from '../../db/sources/source.ts'
import { characterFaults } from '../characters.ts'
import { hashMd5 } from '../imported.ts'
import { codePoints, fold, isStorable, strip } from '../text.ts'
import type { ReadTime } from './times.ts'

/** Why a user is left out. */
export type Refusal =
  | 'id_out_of_range'
  | 'id_taken'
  | 'changed_here'
  | 'name_blank'
  | 'name_too_long'
  | 'name_control_character'
  | 'name_taken'

/** What is said of a user that is taken all the same. */
export type Remark =
  | 'name_trimmed'
  | 'folded_twin'
  | 'hash_unknown'
  | 'hash_too_costly'
  | 'hash_unusable'
  | 'email_left_out'
  | 'time_unreadable'

/** A row of Django's table of users. What the table has no column for is undefined. */
export interface SourceUser {
  readonly id: bigint
  readonly username: SourceValue
  readonly password: SourceValue
  readonly last_login: SourceValue
  readonly is_superuser: SourceValue
  readonly is_staff: SourceValue
  readonly is_active: SourceValue
  readonly date_joined: SourceValue
  readonly email: SourceValue
}

/** A user as it shall be here. */
export interface Candidate {
  readonly id: bigint
  /** The name without the white space around it, which Django REST framework takes away before the name is looked up. */
  readonly username: string
  readonly usernameKey: string
  readonly hash: string
  /** The kind of the hash, by what it costs, or what keeps it from having one. */
  readonly hashKind: string
  /** MD5 of the hash, in upper-case hexadecimal, as Simple JWT's claim `hash_password` has it. */
  readonly hashMd5: string
  readonly flags: { readonly is_active: 0 | 1; readonly is_staff: 0 | 1; readonly is_superuser: 0 | 1 }
  readonly email: string | null
  readonly joinedAt: number | undefined
  readonly lastLoginAt: number | null
  /** Why it is left out, whatever there is here. */
  readonly refusal: Refusal | undefined
  readonly remarks: readonly Remark[]
}

/** Ids above it would leave too few below 2^53, up to which JavaScript tells whole numbers apart, for users who register later. */
export const HIGHEST_ID = 9_000_000_000_000_000n
/** In code points. Registration takes fewer. */
const NAME_MAX_LENGTH = 254
/** In bytes of UTF-8: the folded name stands in an index. */
const NAME_KEY_BYTES = 1024
/** In UTF-16 units. What is longer never matches, and a service need not keep it. */
const HASH_MAX_LENGTH = 1024
const EMAIL_MAX_LENGTH = 320
/** A hash that nothing matches, as Django writes it. */
const UNUSABLE = '!'

export function candidateOf(user: SourceUser, readTime: ReadTime): Candidate {
  const typed = textOf(user.username)
  const username = strip(typed)
  const isLong = username.length > NAME_MAX_LENGTH * 2 || codePoints(username) > NAME_MAX_LENGTH
  const usernameKey = isLong ? '' : fold(username)
  const stored = textOf(user.password)
  const email = user.email === null ? null : textOf(user.email)
  const isEmailKept = email === null || (email.length <= EMAIL_MAX_LENGTH && isStorable(email))
  const joinedAt = timeOf(user.date_joined, readTime)
  const lastLoginAt = timeOf(user.last_login, readTime)
  const remarks: Remark[] = []
  if (username !== typed) remarks.push('name_trimmed')
  if (!isEmailKept) remarks.push('email_left_out')
  if (Number.isNaN(joinedAt) || Number.isNaN(lastLoginAt)) remarks.push('time_unreadable')
  const { kind, remark } = judgeHash(stored)
  if (remark !== undefined) remarks.push(remark)
  return {
    id: user.id,
    username,
    usernameKey,
    hash: stored.length <= HASH_MAX_LENGTH && isStorable(stored) ? stored : UNUSABLE,
    hashKind: kind ?? remark,
    hashMd5: hashMd5(stored),
    flags: { is_active: flagOf(user.is_active, 1), is_staff: flagOf(user.is_staff, 0), is_superuser: flagOf(user.is_superuser, 0) },
    email: isEmailKept ? email : null,
    joinedAt: Number.isNaN(joinedAt) ? undefined : joinedAt,
    lastLoginAt: lastLoginAt === undefined || Number.isNaN(lastLoginAt) ? null : lastLoginAt,
    refusal: user.id < 1n || user.id > HIGHEST_ID ? 'id_out_of_range' : refusalOfName(username, usernameKey, isLong),
    remarks,
  }
}

function refusalOfName(username: string, usernameKey: string, isLong: boolean): Refusal | undefined {
  if (username === '') return 'name_blank'
  if (isLong || Buffer.byteLength(usernameKey) > NAME_KEY_BYTES) return 'name_too_long'
  return characterFaults(username, 'name').length > 0 ? 'name_control_character' : undefined
}

function textOf(value: SourceValue): string {
  if (value === null) return ''
  return typeof value === 'string' ? value : String(value)
}

/** A boolean as SQLite, PostgreSQL and JSON write it. */
function flagOf(value: SourceValue, otherwise: 0 | 1): 0 | 1 {
  if (value === null) return otherwise
  return /^(1|t|true)$/i.test(String(value)) ? 1 : 0
}

/** Milliseconds since the epoch; undefined for none, and NaN for what cannot be read. */
function timeOf(value: SourceValue, readTime: ReadTime): number | undefined {
  return value === null ? undefined : (readTime(textOf(value)) ?? Number.NaN)
}
