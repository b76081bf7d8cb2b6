import type { SourceUser } from './user.ts'

/** Why an import cannot be done, in one line for the operator. */
export class ImportRefused extends Error {}

/** The users of another system, and its tokens that are dead. */
export interface UserSource {
  /** Where they are, for people to read. */
  readonly place: string
  readonly table: string
  readonly usernameColumn: string
  /** Of lines, how many were passed over because they are of other models. */
  readonly skipped?: number
  /** The highest id that was given there, also to users who are no more. */
  lastId(): Promise<bigint>
  /** The next users, by id: at most `limit`, none at the end. */
  usersAfter(id: bigint | undefined, limit: number): Promise<readonly SourceUser[]>
  /** The next tokens that were revoked there, by the `key` of their rows. */
  deadTokensAfter(key: bigint | undefined, limit: number): Promise<readonly SourceToken[]>
  close(): Promise<void>
}

export interface SourceToken {
  readonly key: bigint
  readonly jti: string | null
  readonly userId: bigint | null
  /** As the source writes times. */
  readonly expiresAt: string | null
}
