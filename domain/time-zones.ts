// Times as clocks of a time zone show them. By `Intl`, for Node 24 has no `Temporal` yet.

/** No zone is further from UTC, and none changes its offset twice within so much on either side of a time. */
const DAY_MS = 86_400_000

/** Whether there is a time zone of this name, as of the IANA database. */
export function isTimeZone(name: string): boolean {
  try {
    formatOf(name)
    return true
  } catch {
    return false
  }
}

/** What a clock of a zone shows, as in `2026-02-03 04:05:06.789`. @param at milliseconds since the epoch */
export function wallTimeOf(at: number, timeZone: string): string {
  // The Swedish way to write a time is that of ISO 8601, but for its comma.
  return formatOf(timeZone).format(at).replace(',', '.').padStart('0000-00-00 00:00:00.000'.length, '0')
}

/**
 * When a clock of a zone shows a time. One that there was twice, at the end of summer, is the first of both; one that there was not is as much
 * later as the clock went forward.
 *
 * @param shown the time as milliseconds since the epoch, as if it were UTC
 * @returns milliseconds since the epoch
 */
export function instantOf(shown: number, timeZone: string): number {
  const shownAt = (at: number) => Date.parse(`${wallTimeOf(at, timeZone).replace(' ', 'T')}Z`)
  const [before, after] = [shown - DAY_MS, shown + DAY_MS].map((at) => shown - (shownAt(at) - at)) as [number, number]
  const right = [before, after].filter((at) => shownAt(at) === shown)
  return right.length > 0 ? Math.min(...right) : before
}

const formats = new Map<string, Intl.DateTimeFormat>()

/** Made once for each zone, for that takes longer than many times. @throws {RangeError} for a zone that there is not */
function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone)
  if (format === undefined) {
    const whole = { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' } as const
    format = new Intl.DateTimeFormat('sv-SE', { timeZone, ...whole, fractionalSecondDigits: 3 })
    formats.set(timeZone, format)
  }
  return format
}
