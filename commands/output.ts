import { Option } from 'commander'
import { harmless } from '../domain/text.ts'

export interface OutputOptions {
  readonly json?: true
}

/** The option `--json`, which every command has. */
export function jsonOption(): Option {
  return new Option('--json', 'print one JSON document, for programs')
}

export type Row = Readonly<Record<string, string | number | null>>

/**
 * Prints the result of a command on standard output.
 *
 * @param document for programs, as one line of JSON
 * @param rows for people, as a table; all have the same columns
 */
export function print({ json }: OutputOptions, document: unknown, rows: readonly Row[]): void {
  process.stdout.write(json ? `${harmless(JSON.stringify(document))}\n` : table(rows))
}

/**
 * What prints results one by one as they come: as one line of JSON each, or as rows of a table, whose columns grow with what is in them.
 */
export function printer({ json }: OutputOptions): (document: unknown, row: Row) => void {
  let widths: readonly number[] | undefined
  return (document, row) => {
    const cells = cellsOf(row, Object.keys(row))
    const lines = widths === undefined ? [Object.keys(row), cells] : [cells]
    widths = widthsOf([...lines, (widths ?? []).map((width) => ' '.repeat(width))])
    for (const line of json ? [harmless(JSON.stringify(document))] : lines.map(lineOf(widths))) process.stdout.write(`${line}\n`)
  }
}

function table(rows: readonly Row[]): string {
  const [first] = rows
  if (first === undefined) return 'none\n'
  const names = Object.keys(first)
  const lines = [names, ...rows.map((row) => cellsOf(row, names))]
  return lines
    .map(lineOf(widthsOf(lines)))
    .map((line) => `${line}\n`)
    .join('')
}

function cellsOf(row: Row, names: readonly string[]): string[] {
  return names.map((name) => harmless(String(row[name] ?? '-')))
}

function widthsOf(lines: readonly (readonly string[])[]): number[] {
  return (lines[0] ?? []).map((_, column) => lines.reduce((widest, line) => Math.max(widest, line[column]?.length ?? 0), 0))
}

function lineOf(widths: readonly number[]): (line: readonly string[]) => string {
  return (line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
}
