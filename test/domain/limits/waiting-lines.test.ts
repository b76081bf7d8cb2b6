import t from 'tap'
import { WaitingLines } from '../../../domain/limits/waiting-lines.ts'

t.test('callers of one line ask one after the other, each until it has an answer', async (t) => {
  const lines = new WaitingLines()
  let asked = 0
  const ask = async () => {
    asked++
    return asked >= 3 ? asked : undefined
  }
  t.strictSame(await Promise.all([lines.wait('a', ask), lines.wait('a', ask), lines.wait('b', async () => 'other')]), [3, 4, 'other'])
})

t.test('at most 250 callers wait in one line, and 1000 in all', async (t) => {
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
  t.equal(await wait('a'), 'go', 'callers that were answered leave room for others')
})

t.test('when a caller fails, the next in its line is served', async (t) => {
  const lines = new WaitingLines()
  const failing = lines.wait('a', () => Promise.reject(new Error('no database')))
  const next = lines.wait('a', async () => 'answer')
  await t.rejects(failing, { message: 'no database' })
  t.equal(await next, 'answer')
})
