import type { ImportReport, ToldRow } from '../domain/imports/report.ts'
import type { UserSource } from '../domain/imports/source.ts'
import { harmless } from '../domain/text.ts'
import { type OutputOptions, print, type Row } from './output.ts'

/** Of those who are left out, or of whom something is said, so many are shown for each thing that is said. */
const SHOWN = 20

/**
 * Prints what has become of users, or would become of them: for people counts and some of the users, for programs one document in which all
 * of them come first, one a line, so that their number needs no memory.
 */
export class ImportPrinter {
  readonly #options: OutputOptions & { readonly commit?: true }
  readonly #source: UserSource
  readonly #shown: Row[] = []
  readonly #shownOf = new Map<string, number>()
  #printed = 0

  constructor(options: OutputOptions & { readonly commit?: true }, source: UserSource) {
    this.#options = options
    this.#source = source
  }

  row({ id, username, outcome, reasons }: ToldRow): void {
    if (this.#options.json) {
      const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown }
      const document = JSON.stringify({ id: rawJSON(String(id)), username, outcome, reasons })
      process.stdout.write(`${this.#printed++ === 0 ? '{"rows":[\n' : ',\n'}${harmless(document)}`)
      return
    }
    const isShown = reasons.filter((reason) => this.#count(reason) <= SHOWN).length > 0
    if (isShown) this.#shown.push({ id: String(id), username, outcome: said(outcome), reason: reasons.join(' ') })
  }

  end(report: ImportReport): void {
    if (this.#options.json) this.#endDocument(report)
    else this.#printTables(report)
  }

  #count(reason: string): number {
    const count = (this.#shownOf.get(reason) ?? 0) + 1
    this.#shownOf.set(reason, count)
    return count
  }

  #endDocument(report: ImportReport): void {
    const { place, table, usernameColumn: username_column } = this.#source
    const { read, users, reasons, hashes, tokens, lost, nextId: next_id } = report
    const rest = {
      is_committed: this.#options.commit === true,
      source: { place, table, username_column },
      users: { read, ...users },
      reasons: Object.fromEntries(reasons),
      hashes: Object.fromEntries(hashes),
      revoked_tokens: tokens,
      other_lines: this.#source.skipped ?? 0,
      no_longer_there: lost,
      next_id,
    }
    process.stdout.write(`${this.#printed === 0 ? '{"rows":[' : '\n'}],${harmless(JSON.stringify(rest)).slice(1)}\n`)
  }

  #printTables({ read, users, reasons, hashes, tokens, lost, nextId }: ImportReport): void {
    const { place, table, usernameColumn, skipped } = this.#source
    process.stdout.write(harmless(`${place}: ${table}, name in ${usernameColumn}`).concat('\n\n'))
    const counts = [
      ['read', read],
      ...Object.entries(users).map(([outcome, count]) => [said(outcome), count] as const),
      ['revoked tokens', tokens],
      ...(skipped === undefined ? [] : [['lines of other models', skipped] as const]),
      ['imported before, no longer there', lost],
      ['next id here', nextId],
    ] as const
    print(
      {},
      undefined,
      counts.map(([what, count]) => ({ what, count })),
    )
    for (const [title, map] of [
      ['hash', hashes],
      ['reason', reasons],
    ] as const) {
      if (map.size === 0) continue
      process.stdout.write('\n')
      print(
        {},
        undefined,
        [...map].sort(([, one], [, other]) => other - one).map(([name, count]) => ({ [title]: name, users: count })),
      )
    }
    if (this.#shown.length === 0) return
    process.stdout.write('\n')
    print({}, undefined, this.#shown)
    const isCut = [...this.#shownOf.values()].some((count) => count > SHOWN)
    if (isCut) process.stdout.write(`… ${SHOWN} of each; --json has all\n`)
  }
}

function said(outcome: string): string {
  return outcome.replace('_', ' ')
}
