// Not on PostgreSQL: it uses no database.
import t from 'tap'
import { MemoryRoom } from '../../../domain/passwords/memory-room.ts'

/** Works in a room, which last until they are told to end. */
function works(room: MemoryRoom) {
  const running: { name: string; kib: number; end: () => void }[] = []
  const started: string[] = []
  let most = 0
  const add = (name: string, kib: number) =>
    room.run(kib, () => {
      started.push(name)
      return new Promise<void>((resolve) => {
        running.push({ name, kib, end: resolve })
        most = Math.max(
          most,
          running.reduce((sum, one) => sum + one.kib, 0),
        )
      })
    })
  const end = async (name: string) => {
    const [{ end }] = running.splice(
      running.findIndex((one) => one.name === name),
      1,
    ) as [{ name: string; kib: number; end: () => void }]
    end()
    await new Promise(setImmediate)
  }
  return { add, end, started, running, most: () => most }
}

t.test('works run together as long as there is room for all of them, and the next when there is', async (t) => {
  const { add, end, started, most } = works(new MemoryRoom(100))
  const all = [add('a', 40), add('b', 60), add('c', 1)]
  await new Promise(setImmediate)
  t.strictSame(started, ['a', 'b'])
  await end('a')
  t.strictSame(started, ['a', 'b', 'c'])
  await end('b')
  await end('c')
  await Promise.all(all)
  t.equal(most(), 100)
})

t.test('a work that takes much is not overtaken by those that take little', async (t) => {
  const { add, end, started } = works(new MemoryRoom(100))
  const all = [add('a', 50), add('large', 100), add('b', 1), add('c', 1)]
  await new Promise(setImmediate)
  t.strictSame(started, ['a'])
  await end('a')
  t.strictSame(started, ['a', 'large'])
  await end('large')
  t.strictSame(started, ['a', 'large', 'b', 'c'])
  await end('b')
  await end('c')
  await Promise.all(all)
})

t.test('a work that fails makes room', async (t) => {
  const room = new MemoryRoom(100)
  await t.rejects(
    room.run(100, () => Promise.reject(new Error('it failed'))),
    { message: 'it failed' },
  )
  t.equal(await room.run(100, async () => 'done'), 'done')
})

t.test('whatever comes and goes, the sum of those that run is never more than the room', async (t) => {
  const { add, end, running, most } = works(new MemoryRoom(128))
  const all = Array.from({ length: 200 }, (_, index) => add(String(index), 1 + ((index * 37) % 128)))
  await new Promise(setImmediate)
  while (running.length > 0) await end((running[most() % running.length] as { name: string }).name)
  await Promise.all(all)
  t.ok(most() <= 128, `${most()}`)
})
