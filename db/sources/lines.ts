import type { SourceValue } from './source.ts'

/** Columns of a user, in the order in which their values are kept and read. */
export const LINE_COLUMNS = ['username', 'password', 'last_login', 'is_superuser', 'is_staff', 'is_active', 'date_joined', 'email'] as const

/** Users and tokens of a file of lines, which come in any order, to be read in that of their ids. They are kept on the disk meanwhile. */
export interface LineStore {
  /** Keeps a user. @returns the line that has brought a user with this id before, if one has */
  addUser(line: number, id: bigint, values: readonly SourceValue[]): number | undefined
  /** Keeps a token, and which of all tokens are revoked. */
  addToken(id: bigint, token: { readonly jti: string | null; readonly userId: bigint | null; readonly expiresAt: string | null }): void
  addRevoked(id: bigint, tokenId: bigint): void
  /** The next users: the id, and the values of `LINE_COLUMNS`. */
  usersAfter(id: bigint | undefined, limit: number): SourceValue[][]
  /** The next revoked tokens: the id of what revokes them, `jti`, user, and when they expire. */
  revokedAfter(id: bigint | undefined, limit: number): SourceValue[][]
  highestId(): bigint
  close(): void
}
