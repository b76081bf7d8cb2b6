import { CLOCKS_DIFFER_MS, type ClockChange } from './clock.ts'

interface Log {
  info(details: object, message: string): void
  warn(details: object, message: string): void
}

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
] as const

/** Logs what becomes of the clock: a warning when it has jumped, a line when it is relied on again. */
export function reportClock(log: Log): (change: ClockChange) => void {
  return ({ kind, movedMs }) => {
    const details = { movedSeconds: Math.trunc(movedMs / 1000) }
    if (kind === 'jumped') {
      log.warn(
        details,
        `the clock has jumped, ${amount(movedMs)}: until it has been steady for ten minutes, sessions end only where somebody asks for it ` +
          'and nothing old is deleted. Check the time of this machine and what sets it; after a sleep of the machine this is normal',
      )
    } else {
      const isBack = Math.abs(movedMs) <= CLOCKS_DIFFER_MS
      const place = isBack ? 'it is where it was' : `it stays ${amount(movedMs)}`
      log.info(details, `the clock has been steady for ten minutes: ${place}, and what was held back goes on`)
    }
  }
}

/** A time in its largest unit, rounded, such as `40 days ahead`. */
export function amount(ms: number): string {
  const [unit, unitMs] = UNITS.find(([, size]) => Math.abs(ms) >= size) ?? ['second', 1000]
  const count = Math.round(Math.abs(ms) / unitMs)
  return `${count} ${unit}${count === 1 ? '' : 's'} ${ms < 0 ? 'back' : 'ahead'}`
}
