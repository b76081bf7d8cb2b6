import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { LogDestination } from '../../http/log-destination.ts'

const FULL = '/dev/full'
const onLinux = process.platform === 'linux' ? {} : { skip: `there is no ${FULL} elsewhere than on Linux` }

t.test('what waits is written at the end', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-log-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'log')
  const log = new LogDestination(openSync(file, 'w'))
  for (let i = 0; i < 1000; i++) log.write(`${i}\n`)
  log.flush()
  t.equal(readFileSync(file, 'utf8').split('\n').length, 1001)
})

t.test('lines that cannot be written, for the disk is full, end nothing and hold nothing up', onLinux, async (t) => {
  const log = new LogDestination(openSync(FULL, 'w'))
  const line = `${'x'.repeat(1000)}\n`
  for (let i = 0; i < 5000; i++) {
    log.write(line)
    if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  log.flush()
  t.pass('it came here')
})
