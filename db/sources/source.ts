/** The database of another system, which is only read: nothing in it is changed or kept locked, for that system goes on with it. */
export interface Source {
  /** Where it is, for people to read: without credentials. */
  readonly place: string
  /**
   * The rows of a query, which is a statement and a transaction of its own. Its values are texts, integers of any size as `bigint`, or null,
   * as the driver gives them; what is neither is a text that nobody reads.
   *
   * @param after where the query has `:after`
   * @throws {SourceFailed}
   */
  rows(query: string, after?: bigint): Promise<SourceValue[][]>
  /** All tables, but those of the database system itself. @throws {SourceFailed} */
  tables(): Promise<SourceTable[]>
  /** The table that the foreign key on a column leads to. @throws {SourceFailed} */
  referredBy(table: SourceTable, column: string): Promise<SourceTable | undefined>
  /** The highest id that was given in a table, also to rows that are no more; undefined where nobody counts them. @throws {SourceFailed} */
  lastId(table: SourceTable, key: string): Promise<bigint | undefined>
  close(): Promise<void>
}

export type SourceValue = string | bigint | null

export interface SourceTable {
  /** Its name, after that of its schema where that is needed to find it. */
  readonly name: string
  /** The same, quoted for a query. */
  readonly quoted: string
  readonly columns: readonly SourceColumn[]
}

export interface SourceColumn {
  readonly name: string
  /** As the database names it. */
  readonly type: string
  readonly isInteger: boolean
  readonly isText: boolean
  /** Whether it alone is the primary key. */
  readonly isKey: boolean
  /** Whether no two rows have the same in it. */
  readonly isUnique: boolean
}

/** A source that cannot be read, in words without credentials. */
export class SourceFailed extends Error {}

/** A name, as both dialects take it in a query whatever is in it. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A text, as both dialects take it in a query. */
export function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}

/** A row of what describes columns: table, schema or null, column, type, its place in the primary key, whether it is unique by itself. */
export interface Described {
  readonly table: string
  readonly quoted: string
  readonly column: string
  readonly type: string
  readonly isInKey: boolean
  readonly isUnique: boolean
}

/** Whole numbers, by the names that SQLite, as Django declares them, and PostgreSQL give their types. */
const INTEGER = /^(big|small)?(int|integer|serial)(eger)?\b|^int[248]$/i
const TEXT = /^(var)?char|^text|^citext|^bpchar/i

/** The tables that columns are of. */
export function tablesOf(described: readonly Described[]): SourceTable[] {
  return [...Map.groupBy(described, (each) => each.table)].map(([name, columns]) => {
    const keys = columns.filter(({ isInKey }) => isInKey).length
    return {
      name,
      quoted: columns[0]?.quoted as string,
      columns: columns.map(({ column, type, isInKey, isUnique }) => ({
        name: column,
        type,
        isInteger: INTEGER.test(type),
        isText: TEXT.test(type),
        isKey: isInKey && keys === 1,
        isUnique: isUnique || (isInKey && keys === 1),
      })),
    }
  })
}
