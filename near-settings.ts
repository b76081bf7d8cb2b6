/** A variable that no setting has, and the setting that was probably meant. */
export interface NearName {
  readonly name: string
  readonly near: string
}

/** What people write before a name, and Kubernetes too: for a service named latchkey it sets `LATCHKEY_PORT=tcp://…` in every pod. */
const PREFIX = /^LATCHKEY_/i
const OF_KUBERNETES = /^(tcp|udp|sctp):\/\//

/**
 * Finds variables whose names are nearly those of settings: in another case, with other separators, with the service's name before or
 * `_FILE` behind them, or with a letter or two too few, too many, wrong or swapped. Empty ones count as unset.
 *
 * @param env the environment
 * @param names of all variables that are read
 */
export function nearNames(env: Readonly<Record<string, string | undefined>>, names: readonly string[]): NearName[] {
  const found: NearName[] = []
  for (const [name, value] of Object.entries(env)) {
    if (!value || names.includes(name) || (PREFIX.test(name) && OF_KUBERNETES.test(value))) continue
    const typed = name.replace(PREFIX, '')
    // What is no secret cannot come from a file.
    const near = nearest(letters(typed), names) ?? nearest(letters(typed.replace(/_FILE$/i, '')), names)
    if (near !== undefined) found.push({ name, near })
  }
  return found
}

/** A name without what does not tell two names apart. */
function letters(name: string): string {
  return name.replaceAll(/[^\p{L}\p{N}]/gu, '').toUpperCase()
}

function nearest(typed: string, names: readonly string[]): string | undefined {
  let best: string | undefined
  let least = Number.POSITIVE_INFINITY
  for (const name of names) {
    const wanted = letters(name)
    // Before the work: an environment may have long names.
    if (Math.abs(typed.length - wanted.length) > allowedEdits(wanted)) continue
    const edits = distance(typed, wanted)
    if (edits <= allowedEdits(wanted) && edits < least) [best, least] = [name, edits]
  }
  return best
}

/** A short name is near to too many others, as `PORT` is to `POST`, and `SESSION_MANAGER` of a desktop to `SESSION_MAX_AGE`. */
function allowedEdits({ length }: string): number {
  if (length < 6) return 0
  return length < 14 ? 1 : 2
}

/** How many letters are to be put in, taken out, changed or swapped with their neighbour (the restricted distance of Damerau and Levenshtein). */
function distance(from: string, to: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let column = 1; column <= to.length; column++) {
      const isSame = from[row - 1] === to[column - 1]
      const isSwapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      current[column] = Math.min(
        at(last, column) + 1,
        at(current, column - 1) + 1,
        at(last, column - 1) + (isSame ? 0 : 1),
        isSwapped && row > 1 && column > 1 ? at(beforeLast, column - 2) + 1 : Number.POSITIVE_INFINITY,
      )
    }
    ;[beforeLast, last] = [last, current]
  }
  return at(last, to.length)
}

function at(row: readonly number[], column: number): number {
  return row[column] as number
}
