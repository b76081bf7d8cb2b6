import { InvalidArgumentError } from 'commander'
import { parseInstant } from '../domain/clock.ts'
import { ofAddress, type Search } from '../domain/events/search.ts'

const MOST = 10_000
const MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const AGO = /^(\d{1,6})([smhd])$/

/** A point in time, in milliseconds since the epoch, by what is now. */
export type When = (now: number) => number

/** A date (its beginning in UTC), a time in ISO 8601 with its offset, or how long ago it is, such as `2h`. */
export function when(text: string): When {
  const [, number, unit = ''] = AGO.exec(text) ?? []
  if (number !== undefined) return (now) => now - Number(number) * (MS[unit] as number)
  const instant = parseInstant(text)
  if (instant === undefined) {
    throw new InvalidArgumentError('It must be like 2026-01-31, 2026-01-31T12:00:00Z, or how long ago: 90s, 30m, 2h, 7d.')
  }
  return () => instant
}

/** An address, or a range of them. */
export function address(text: string): Pick<Search, 'addresses' | 'range'> {
  const sought = ofAddress(text)
  if (sought === undefined)
    throw new InvalidArgumentError('It must be an address or a range, like 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32.')
  return sought
}

/** How many rows are listed at most. */
export function limit(text: string): number {
  const number = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (number < 1 || number > MOST) throw new InvalidArgumentError(`It must be a whole number from 1 to ${MOST}.`)
  return number
}
