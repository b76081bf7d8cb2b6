import { Option } from 'commander'
import { harmless } from '../domain/text.ts'

export interface OutputOptions {
  readonly json?: true
}

/** The option `--json`, which every command has. */
export function jsonOption(): Option {
  return new Option('--json', 'print one JSON document, for programs')
}

type Row = Readonly<Record<string, string | number | null>>

/**
 * Prints the result of a command on standard output.
 *
 * @param document for programs, as one line of JSON
 * @param rows for people, as a table; all have the same columns
 */
export function print({ json }: OutputOptions, document: unknown, rows: readonly Row[]): void {
  process.stdout.write(json ? `${harmless(JSON.stringify(document))}\n` : table(rows))
}

/** A time in ISO 8601, in UTC. */
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
