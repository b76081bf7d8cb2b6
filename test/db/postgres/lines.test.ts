// Only on PostgreSQL: elsewhere one job writes at a time.
import t from 'tap'
import { DatabaseOverloaded, DatabaseUnavailable } from '../../../db/errors.ts'
import { Lines } from '../../../db/postgres/lines.ts'

const soon = () => new Promise<void>((resolve) => void setImmediate(resolve))

t.test('of the jobs in one line one runs at a time, in their order, also after one that fails; other lines do not wait', async (t) => {
  const lines = new Lines(1000, 10)
  const done: string[] = []
  const job = (name: string) => async () => {
    done.push(`${name} begins`)
    await soon()
    done.push(`${name} ends`)
    if (name === 'b') throw new Error('no')
    return name
  }
  const all = [lines.run('1', job('a')), lines.run('1', job('b')), lines.run('1', job('c')), lines.run('2', job('d'))]
  t.same(lines.stats, { waiting: 2, refused: 0 })
  t.match(await Promise.allSettled(all), [{ value: 'a' }, { reason: new Error('no') }, { value: 'c' }, { value: 'd' }])
  t.same(done.slice(0, 2), ['a begins', 'd begins'])
  t.same(
    done.filter((each) => !each.startsWith('d')),
    ['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends'],
  )
  t.same(lines.stats, { waiting: 0, refused: 0 })
})

t.test('who would wait behind too many, or has waited too long, is refused', async (t) => {
  const full = new Lines(1000, 1)
  const refused = new DatabaseOverloaded('too many writes of one line are waiting')
  const first = full.run('1', soon)
  const second = full.run('1', soon)
  await t.rejects(full.run('1', soon), refused)
  await Promise.all([first, second, full.run('2', soon)])
  t.same(full.stats, { waiting: 0, refused: 1 })

  const hasty = new Lines(-1, 10)
  const served = hasty.run('1', soon)
  await t.rejects(hasty.run('1', soon), refused)
  await served
  await hasty.run('1', soon)
})

t.test('those that wait behind a job that the database fails are told so, and those that come afterwards are served', async (t) => {
  const lines = new Lines(1000, 10)
  const failure = new DatabaseUnavailable('the server does not answer')
  const failing = async () => {
    await soon()
    throw failure
  }
  const told = await Promise.allSettled([lines.run('1', failing), lines.run('1', soon), lines.run('1', soon)])
  t.same(
    told.map((each) => each.status === 'rejected' && each.reason),
    [failure, failure, failure],
  )
  t.equal(await lines.run('1', async () => 'served'), 'served')
})
