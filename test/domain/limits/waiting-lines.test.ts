// Not on PostgreSQL: it uses no database.
import t from 'tap'
import { sharesOf } from '../../../domain/address.ts'
import { WaitingLines } from '../../../domain/limits/waiting-lines.ts'

const HOME = sharesOf('192.0.2.1')

t.test('callers of one line ask one after the other, each until it has an answer', async (t) => {
  const lines = new WaitingLines()
  let asked = 0
  const ask = async () => {
    asked++
    return asked >= 3 ? asked : undefined
  }
  t.strictSame(await Promise.all([lines.wait('a', HOME, ask), lines.wait('a', HOME, ask), lines.wait('b', HOME, async () => 'other')]), [
    3,
    4,
    'other',
  ])
})

t.test('at most 250 callers wait in one line, and 1000 in all', async (t) => {
  const lines = new WaitingLines()
  let open = () => {}
  const opened = new Promise<string>((resolve) => {
    open = () => resolve('go')
  })
  const wait = (key: string) => lines.wait(key, HOME, () => opened)
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
  const failing = lines.wait('a', HOME, () => Promise.reject(new Error('no database')))
  const next = lines.wait('a', HOME, async () => 'answer')
  await t.rejects(failing, { message: 'no database' })
  t.equal(await next, 'answer')
})

/** Waits until all of them are told to go. Each answers 'go', or undefined when it gave way. */
function gate() {
  const lines = new WaitingLines()
  const { promise, resolve } = Promise.withResolvers<string>()
  const wait = (key: string, address: string) => lines.wait(key, sharesOf(address), () => promise)
  return { lines, wait, open: () => resolve('go') }
}

t.test('when a line is full, a caller of another network displaces the newest of the largest one, down to the same share', async (t) => {
  const { lines, wait, open } = gate()
  const many = Array.from({ length: 250 }, () => wait('a', '192.0.2.1'))
  const few = Array.from({ length: 125 }, () => wait('a', '192.0.2.2'))
  t.equal(await few.at(-1), undefined, 'the line is shared')
  open()
  const answers = await Promise.all(many)
  t.strictSame(new Set(answers.slice(0, 126)), new Set(['go']))
  t.strictSame(new Set(answers.slice(126)), new Set([undefined]))
  t.strictSame(new Set(await Promise.all(few.slice(0, -1))), new Set(['go']))
  t.equal(lines.waiting, 0)
})

t.test('when all lines are full, a caller of another network displaces one that waits, or that asks already', async (t) => {
  const lines = new WaitingLines()
  let isOpen = false
  const ask = async () => (isOpen ? 'go' : undefined)
  let asked = 0
  const many = Array.from({ length: 999 }, (_, i) => lines.wait(`line ${i}`, HOME, ask))
  const newest = lines.wait('line 999', HOME, async () => void asked++)
  const other = lines.wait('line 0', sharesOf('192.0.2.2'), ask)
  t.equal(await newest, undefined)
  t.ok(asked <= 2, 'it asks no more')
  t.equal(lines.waiting, 1000)
  isOpen = true
  t.equal(await other, 'go')
  t.strictSame(new Set(await Promise.all(many)), new Set(['go']))
  t.equal(lines.waiting, 0)
})

t.test('a caller that is displaced while others of its line are asking never asks', async (t) => {
  const { wait, open } = gate()
  const many = Array.from({ length: 999 }, (_, i) => wait(`line ${i}`, '192.0.2.1'))
  const behind = wait('line 0', '192.0.2.1')
  const newcomer = wait('line 1', '192.0.2.2')
  open()
  t.equal(await behind, undefined)
  t.strictSame(new Set(await Promise.all([...many, newcomer])), new Set(['go']))
})

t.test('a caller has no answer after fifteen seconds', async (t) => {
  let now = 0
  t.intercept(performance, 'now', { value: () => now })
  let asked = 0
  const ask = async () => {
    now += 7000
    return ++asked > 5 ? 'too late' : undefined
  }
  t.equal(await new WaitingLines().wait('a', HOME, ask), undefined)
  t.equal(asked, 3)
})

t.test('nobody is displaced for a caller whose own line has no place for it', async (t) => {
  const { lines, wait, open } = gate()
  const own = Array.from({ length: 250 }, () => wait('own', '192.0.2.2'))
  const others = Array.from({ length: 750 }, (_, i) => wait(`line ${i}`, '192.0.2.1'))
  t.equal(await wait('own', '192.0.2.2'), undefined)
  t.equal(lines.waiting, 1000)
  open()
  t.strictSame(new Set(await Promise.all([...own, ...others])), new Set(['go']))
})

t.test('what a displaced caller is answered before it notices is not lost', async (t) => {
  const { lines, wait, open } = gate()
  for (let i = 0; i < 999; i++) void wait(`line ${i}`, '192.0.2.1')
  const { promise, resolve } = Promise.withResolvers<string>()
  const displaced = lines.wait('mine', HOME, () => promise)
  const newcomer = wait('another', '192.0.2.2')
  resolve('reserved')
  t.equal(await displaced, 'reserved')
  open()
  t.equal(await newcomer, 'go')
})

t.test('networks take turns in a line', async (t) => {
  const lines = new WaitingLines()
  const asked: string[] = []
  const wait = (address: string, name: string) => lines.wait('a', sharesOf(address), async () => asked.push(name))
  const names = ['a1', 'a2', 'a3', 'b1', 'b2']
  await Promise.all(names.map((name) => wait(name.startsWith('a') ? '192.0.2.1' : '192.0.2.2', name)))
  t.strictSame(asked, ['a1', 'a2', 'b1', 'a3', 'b2'])
})
