// Not on PostgreSQL: it uses no database.
import { execFileSync } from 'node:child_process'
import { constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { LogDestination } from '../../http/log-destination.ts'

const FULL = '/dev/full'
const onLinux = process.platform === 'linux' ? {} : { skip: `there is no ${FULL} elsewhere than on Linux` }
const LIMIT_BYTES = 1024 * 1024
const PATIENCE_MS = 60_000

function folder(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'latchkey-log-'))
  t.teardown(() => rmSync(path, { recursive: true }))
  return path
}

/** A pipe, as one descriptor that neither waits for a reader nor for a writer. */
function pipe(t: Test): number {
  const file = join(folder(t), 'pipe')
  execFileSync('mkfifo', [file])
  return openSync(file, constants.O_RDWR | constants.O_NONBLOCK)
}

/** What is in the pipe now. */
function readAll(fd: number): string {
  const buffer = Buffer.alloc(LIMIT_BYTES)
  try {
    return buffer.toString('utf8', 0, readSync(fd, buffer))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return ''
    throw error
  }
}

/** Reads the pipe until its text has this in it. */
async function readUntil(fd: number, end: string): Promise<string> {
  for (let text = ''; ; await turn()) {
    text += readAll(fd)
    if (text.includes(end)) return text
  }
}

const line = (i: number) => `${i} ${'x'.repeat(1000)}\n`

t.test('what waits is written at the end', async (t) => {
  const file = join(folder(t), 'log')
  const log = new LogDestination(openSync(file, 'w'), () => t.fail('nothing is lost'))
  for (let i = 0; i < 1000; i++) log.write(`${i}\n`)
  await log.flush(PATIENCE_MS)
  t.equal(readFileSync(file, 'utf8').split('\n').length, 1001)
})

t.test(
  'lines that cannot be written, for the disk is full, end nothing and hold nothing up, and no longer than asked the end',
  onLinux,
  async (t) => {
    const log = new LogDestination(openSync(FULL, 'w'), () => t.fail('nothing can be told'))
    for (let i = 0; i < 5000; i++) {
      log.write(line(i))
      if (i % 100 === 0) await turn()
    }
    await log.flush(1)
    t.pass('it came here')
  },
)

t.test('past 1 MiB that waits for a reader whole lines are lost, and counted where they are missing', onLinux, async (t) => {
  const fd = pipe(t)
  const lines = 3000
  const log = new LogDestination(fd, (lost) => log.write(`${lost} lost\n`))
  for (let i = 0; i < lines; i++) log.write(line(i))
  const text = await readUntil(fd, 'lost\n')
  log.write('later\n')
  const written = (text + (await readUntil(fd, 'later\n'))).split('\n')
  const kept = written.findIndex((each) => each.endsWith('lost'))
  t.ok(kept * line(0).length > 0.9 * LIMIT_BYTES, 'as many as have room are kept')
  t.same(written, [...Array.from({ length: kept }, (_, i) => line(i).trimEnd()), `${lines - kept} lost`, 'later', ''])
})

t.test('lines that waited for a reader are written without another one that asks for it, a half one to its end', onLinux, async (t) => {
  const fd = pipe(t)
  const log = new LogDestination(fd, () => t.fail('nothing is lost'))
  const long = `${'x'.repeat(200_000)}\n`
  log.write(long)
  log.write('last\n')
  await log.flush(100)
  t.equal(await readUntil(fd, 'last\n'), `${long}last\n`)
})
