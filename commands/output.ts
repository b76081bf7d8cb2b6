import { Option } from 'commander'

export interface OutputOptions {
  readonly json?: true
}

/** `--json`, which every command that tells something knows. */
export function jsonOption(): Option {
  return new Option('--json', 'print one JSON document, for programs')
}

type Row = Readonly<Record<string, string | number | null>>

/**
 * Writes what a command tells to standard output.
 *
 * @param document for programs, as one line of JSON
 * @param rows for people, as a table; all have the same columns
 */
export function print({ json }: OutputOptions, document: unknown, rows: readonly Row[]): void {
  process.stdout.write(json ? `${harmless(JSON.stringify(document))}\n` : table(rows))
}

/** An instant as people and programs read it: ISO 8601, in UTC. */
export function instant(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}

function table(rows: readonly Row[]): string {
  const [first] = rows
  if (first === undefined) return 'none\n'
  const names = Object.keys(first)
  const lines = [names, ...rows.map((row) => names.map((name) => harmless(String(row[name] ?? '-'))))]
  const widths = names.map((_, column) => lines.reduce((widest, line) => Math.max(widest, line[column]?.length ?? 0), 0))
  return lines
    .map(
      (line) =>
        `${line
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

/** Names and clients come from outside: what moves the cursor of a terminal or turns its text around is escaped, as JSON escapes. */
function harmless(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  )
}
