import { WHITE_SPACE } from '../text.ts'
import { wallTimeOf } from '../time-zones.ts'

/** How a database wants its SQL written. */
export interface SqlDialect {
  /** What comes after `BEGIN`. */
  readonly preamble: readonly string[]
  flag(bit: 0 | 1): string
  /** @param at milliseconds since the epoch */
  time(at: number): string
  /** Lets the ids of a table go on after this one, if they are not beyond it. */
  idsAfter(table: string, id: number): readonly string[]
}

/** A name of a table or column. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A text without NUL. In PostgreSQL as the preamble has it: there a backslash is a character like any other. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** A column's text without surrounding white space, as `strip` leaves it. Both dialects have this form. */
export function trimmed(column: string): string {
  return `trim(${column}, ${literal(WHITE_SPACE)})`
}

const postgres: SqlDialect = {
  preamble: ['SET LOCAL standard_conforming_strings = on;', "SET LOCAL client_encoding = 'UTF8';"],
  flag: (bit) => (bit ? 'true' : 'false'),
  time: (at) => literal(`${wallTime(at, 'UTC')}+00`),
  idsAfter(table, id) {
    const sequence = `pg_get_serial_sequence(${literal(identifier(table))}, 'id')`
    return [`SELECT setval(${sequence}, ${id}) WHERE coalesce(pg_sequence_last_value(${sequence}::regclass), 0) < ${id};`]
  },
}

/** @param zone of the times that Django keeps there: UTC, or without `USE_TZ` its `TIME_ZONE` */
function sqlite(zone: string): SqlDialect {
  return {
    preamble: [],
    flag: (bit) => `${bit}`,
    time: (at) => literal(wallTime(at, zone)),
    idsAfter(table, id) {
      const row = `FROM sqlite_sequence WHERE name = ${literal(table)}`
      return [
        `INSERT INTO sqlite_sequence (name, seq) SELECT ${literal(table)}, 0 WHERE NOT EXISTS (SELECT 1 ${row});`,
        `UPDATE sqlite_sequence SET seq = ${id} WHERE name = ${literal(table)} AND seq < ${id};`,
      ]
    },
  }
}

export const DIALECTS: Readonly<Record<string, (zone: string) => SqlDialect>> = { sqlite, postgres: () => postgres }

/** With microseconds, so that SQLite, which compares the texts, puts times in their order. */
function wallTime(at: number, zone: string): string {
  const utc = new Date(at).toISOString()
  return `${zone === 'UTC' ? utc.slice(0, -1).replace('T', ' ') : wallTimeOf(at, zone)}000`
}
