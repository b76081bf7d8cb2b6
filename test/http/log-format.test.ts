// Not on PostgreSQL: it uses no database.
import t from 'tap'
import type { Config } from '../../config.ts'
import { inFormat, type Terminal } from '../../http/log-format.ts'

const line = (members: object) => `${JSON.stringify({ level: 30, time: 0, pid: 1, hostname: 'h', ...members })}\n`
const request = { reqId: 'r-1', method: 'GET', path: '/health/live', status: 200, ms: 1.5, ip: '192.0.2.1' }
const inPipe = { isTerminal: false, hasColors: false }
const plain = { isTerminal: true, hasColors: false }
const coloured = { isTerminal: true, hasColors: true }

/** What becomes of a line, without the time of day, which is that of the machine. */
async function written(format: Config['logFormat'], terminal: Terminal, members: object): Promise<string> {
  const written: string[] = []
  const log = await inFormat({ write: (line) => void written.push(line) }, format, terminal)
  log.write(line(members))
  return written.join('').replace(/\d\d:\d\d:\d\d\.\d{3}/, 'TIME')
}

t.test('with auto the lines are for people on a terminal, and JSON elsewhere; json and pretty are what they say anywhere', async (t) => {
  const pretty = '[TIME] INFO: GET /health/live 200 {"reqId":"r-1","ms":1.5,"ip":"192.0.2.1"}\n'
  t.equal(await written('auto', plain, request), pretty)
  t.equal(await written('pretty', inPipe, request), pretty)
  t.equal(await written('auto', inPipe, request), line(request))
  t.equal(await written('json', coloured, request), line(request))
})

t.test('there are colours only on a terminal that shows them', async (t) => {
  t.match(await written('auto', coloured, request), '\u001b[32mINFO\u001b[39m')
  t.notMatch(await written('auto', plain, request), '\u001b')
  t.notMatch(await written('pretty', inPipe, request), '\u001b')
})

t.test('a message is a line, and the stack of an error lines of its own', async (t) => {
  t.equal(await written('auto', plain, { msg: 'latchkey listens' }), '[TIME] INFO: latchkey listens\n')
  const err = { type: 'Error', message: 'no', stack: 'Error: no\n    at here' }
  const text = await written('auto', plain, { level: 50, msg: 'no', err })
  t.match(text, /^\[TIME\] ERROR: no \n/)
  t.match(text, /\n +Error: no\n +at here\n/)
})

t.test('a control character in a value does not reach the terminal, nor does a line break make a line', async (t) => {
  const evil = '\u001b[2J\u009b1m\u202e\n[00:00:00.000] INFO: forged'
  const err = { type: 'Error', message: evil, stack: `Error: ${evil}\n    at here` }
  for (const members of [{ origin: evil }, { msg: evil }, { ...request, path: evil }, { msg: 'x', err }]) {
    const text = await written('auto', plain, members)
    t.notMatch(text.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u)
    t.notMatch(text.slice(1), /^\[/m, 'no second line that looks like one')
  }
})
