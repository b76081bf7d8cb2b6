/** As SQLite and PostgreSQL have them from Django, and as its fixtures do; all of them with microseconds. */
const TIME = /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?\s*(?:(Z)|([+-])(\d\d)(?::?(\d\d))?)?$/

/** Reads a time; resolves to milliseconds since the epoch, or undefined for what is none. */
export type ReadTime = (text: string) => number | undefined

/**
 * @param zone of times that do not say theirs, as `TIME_ZONE` names it in a project without `USE_TZ`; UTC when undefined
 */
export function timeReader(zone: string | undefined): ReadTime {
  return (text) => {
    const [, year, month, day, hour, minute, second = '0', fraction = '', utc, sign, hours = '0', minutes = '0'] = TIME.exec(text) ?? []
    if (year === undefined) return undefined
    const parts = [year, month, day, hour, minute, second].map(Number) as [number, number, number, number, number, number]
    const milliseconds = Number(fraction.slice(0, 3).padEnd(3, '0'))
    const isLocal = utc === undefined && sign === undefined && zone !== undefined
    if (isLocal) return localTime(parts, milliseconds, zone)
    const offset = (Number(hours) * 60 + Number(minutes)) * (sign === '-' ? -60_000 : 60_000)
    return utcTime(parts, milliseconds) - offset
  }
}

type Parts = readonly [year: number, month: number, day: number, hour: number, minute: number, second: number]

function utcTime([year, month, day, hour, minute, second]: Parts, milliseconds: number): number {
  const time = Date.UTC(year, month - 1, day, hour, minute, second, milliseconds)
  // Which takes the year 70 for 1970.
  return year > 99 ? time : new Date(time).setUTCFullYear(year, month - 1, day)
}

/** A time that there was twice, at the end of summer, is the first of both; one that there was not is as much later as the clock went forward. */
function localTime([year, month, day, hour, minute, second]: Parts, millisecond: number, timeZone: string): number | undefined {
  try {
    return Temporal.PlainDateTime.from({ year, month, day, hour, minute, second, millisecond }, { overflow: 'reject' }).toZonedDateTime(
      timeZone,
    ).epochMilliseconds
  } catch {
    return undefined
  }
}

/** Whether there is a time zone of this name. */
export function isTimeZone(name: string): boolean {
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(name)
    return true
  } catch {
    return false
  }
}
