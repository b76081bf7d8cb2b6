/**
 * Mann and Whitney's rank test, two-sided: the probability that two samples of one distribution differ at least this much.
 * By the normal approximation, with corrections for ties and continuity: good from some twenty values on.
 */
export function rankTest(a: readonly number[], b: readonly number[]): number {
  const all = [...a.map((value) => ({ value, isA: true })), ...b.map((value) => ({ value, isA: false }))]
  all.sort((one, other) => one.value - other.value)
  let ranksOfA = 0
  let ties = 0
  for (let start = 0, end = 0; start < all.length; start = end) {
    while (end < all.length && all[end]?.value === all[start]?.value) end++
    const size = end - start
    ties += size ** 3 - size
    // Equal values share the mean of their ranks, which begin at 1.
    ranksOfA += all.slice(start, end).filter(({ isA }) => isA).length * ((start + 1 + end) / 2)
  }
  const n = all.length
  const distance = Math.abs(ranksOfA - (a.length * (n + 1)) / 2) - 0.5
  const deviation = Math.sqrt(((a.length * b.length) / 12) * (n + 1 - ties / (n * (n - 1))))
  return deviation === 0 || distance <= 0 ? 1 : twoTails(distance / deviation)
}

/** Both tails of the normal distribution beyond z ≥ 0: erfc(z/√2), after Abramowitz and Stegun 7.1.26, to 1.5e-7. */
function twoTails(z: number): number {
  const x = z / Math.SQRT2
  const t = 1 / (1 + 0.3275911 * x)
  const polynomial = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592].reduce((sum, c) => sum * t + c, 0) * t
  return polynomial * Math.exp(-x * x)
}
