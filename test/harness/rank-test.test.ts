// Not on PostgreSQL: it uses no database.
import t from 'tap'
import { rankTest } from '../../harness/rank-test.ts'

t.test('the rank test finds the probabilities that SciPy does (mannwhitneyu, asymptotic)', async (t) => {
  const near = (got: number, wanted: number) => t.ok(Math.abs(got - wanted) < 1e-6, `${got} is ${wanted}`)
  near(rankTest([19, 22, 16, 29, 24], [20, 11, 17, 12]), 0.11134688653314041)
  near(rankTest([20, 11, 17, 12], [19, 22, 16, 29, 24]), 0.11134688653314041)
  t.equal(rankTest([1, 2, 3, 4], [1, 2, 3, 4]), 1)
  t.equal(rankTest([7, 7, 7], [7, 7, 7]), 1)
})

t.test('the rank test finds a difference of a hundredth, and none between equal samples', async (t) => {
  // Evenly spread quantiles stand in for chance.
  const sample = (scale: number) => Array.from({ length: 1000 }, (_, i) => scale * (20 + ((i * 617) % 1000) / 1000))
  t.ok(rankTest(sample(1), sample(1)) > 0.9)
  t.ok(rankTest(sample(1), sample(1.01)) < 1e-6)
})
