import t from 'tap'
import { WaitingLines } from '../../../domain/limits/waiting-lines.ts'

t.test('each asks in turn until there is an answer', async (t) => {
  const lines = new WaitingLines()
  let asked = 0
  const ask = async () => {
    asked++
    return asked >= 3 ? asked : undefined
  }
  t.strictSame(await Promise.all([lines.wait('a', ask), lines.wait('a', ask), lines.wait('b', async () => 'other')]), [3, 4, 'other'])
})

t.test('no line is longer than 250, and no more than 1000 wait in all', async (t) => {
  const lines = new WaitingLines()
  let open = () => {}
  const opened = new Promise<string>((resolve) => {
    open = () => resolve('go')
  })
  const wait = (key: string) => lines.wait(key, () => opened)
  const first = Array.from({ length: 250 }, () => wait('a'))
  t.equal(await wait('a'), undefined)
  const rest = ['b', 'c', 'd'].flatMap((key) => Array.from({ length: 250 }, () => wait(key)))
  t.equal(await wait('e'), undefined)
  open()
  t.strictSame(new Set(await Promise.all([...first, ...rest])), new Set(['go']))
  t.equal(await wait('a'), 'go', 'and those that came are gone')
})

t.test('a failure of one leaves the line to the next', async (t) => {
  const lines = new WaitingLines()
  const failing = lines.wait('a', () => Promise.reject(new Error('no database')))
  const next = lines.wait('a', async () => 'answer')
  await t.rejects(failing, { message: 'no database' })
  t.equal(await next, 'answer')
})
