import { instantOf } from '../time-zones.ts'

/** As SQLite and PostgreSQL have them from Django, and as its fixtures do; all of them with microseconds. */
const TIME = /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?\s*(?:(Z)|([+-])(\d\d)(?::?(\d\d))?)?$/

/** The first and the last instant that every other system can write, PostgreSQL and Django among them: of the years 1 to 9999. */
const [EARLIEST, LATEST] = [Date.parse('0001-01-01T00:00:00Z'), Date.parse('9999-12-31T23:59:59.999Z')]

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
    const shown = utcTime(parts, milliseconds)
    if (shown === undefined) return undefined
    const isLocal = utc === undefined && sign === undefined && zone !== undefined
    const offset = (Number(hours) * 60 + Number(minutes)) * (sign === '-' ? -60_000 : 60_000)
    const time = isLocal ? instantOf(shown, zone) : shown - offset
    return time >= EARLIEST && time <= LATEST ? time : undefined
  }
}

type Parts = readonly [year: number, month: number, day: number, hour: number, minute: number, second: number]

/** Undefined for a day or an hour that there is not. */
function utcTime([year, month, day, hour, minute, second]: Parts, milliseconds: number): number | undefined {
  // A date of numbers alone takes the year 70 for 1970.
  const time = new Date(0)
  time.setUTCFullYear(year, month - 1, day)
  time.setUTCHours(hour, minute, second, milliseconds)
  const isThere = time.getUTCMonth() === month - 1 && time.getUTCDate() === day && time.getUTCHours() === hour && minute < 60 && second < 60
  return isThere ? time.getTime() : undefined
}
