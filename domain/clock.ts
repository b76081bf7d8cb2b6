/** The time of day in milliseconds since the epoch. An option of the app, so that tests need not wait. */
export type Clock = () => number

/** Whole seconds, as tokens count them. */
export function toSeconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000)
}
