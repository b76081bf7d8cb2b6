import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** The bytes that are sent, and on how many connections at once. */
interface Attack {
  readonly bytes: string
  readonly connections: number
}

/** How long one attack may take to be read and answered. */
const PATIENCE_MS = 400

const CREDENTIALS = { username: 'user', password: 'correct horse battery' }
const LIMIT_BYTES = 16 * 1024

const post = (path: string, body: string, type = 'application/json') =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
const get = (path: string, headers = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`
const register = (username: string, password: string) => post('/api/users/', JSON.stringify({ username, password }))
const verify = (token: string) => post('/api/token/verify/', JSON.stringify({ token }))
const alone = (bytes: string): Attack => ({ bytes, connections: 1 })
/** Combining marks of different classes, which normalisation must sort: the worst case for NFKC. */
const marks = (length: number) => '\u0315\u0300'.repeat(length / 2)

/** The largest and strangest requests that the limits on bodies and headers let through, and many at once. */
export const attacks: Readonly<Record<string, Attack>> = {
  'nested lists': alone(post('/api/token/', '['.repeat(LIMIT_BYTES / 2) + ']'.repeat(LIMIT_BYTES / 2))),
  'nested objects': alone(post('/api/token/', `${'{"a":'.repeat(2700)}1${'}'.repeat(2700)}`)),
  'many members': alone(post('/api/users/', JSON.stringify(Object.fromEntries(Array.from({ length: 1800 }, (_, i) => [`k${i}`, 1]))))),
  'a list of numbers': alone(post('/api/users/', `[${'1,'.repeat(8000)}1]`)),
  'nested __proto__': alone(post('/api/users/', `{${'"__proto__":{'.repeat(1100)}${'}'.repeat(1100)}}`)),
  'a form of many fields': alone(post('/api/users/', 'a=b&'.repeat(4000), 'application/x-www-form-urlencoded')),
  'a form of escapes': alone(post('/api/users/', `username=${'%F0%9F%98%80'.repeat(1360)}`, 'application/x-www-form-urlencoded')),
  'a password that grows when it is folded': alone(register('user', '\ufdfa'.repeat(1024))),
  'a password of marks': alone(register('user', marks(1024))),
  'a password of marks that is too long': alone(register('user', marks(5000))),
  'a name that grows when it is folded': alone(register('\ufdfa'.repeat(200), CREDENTIALS.password)),
  'a name of marks': alone(register(marks(200), CREDENTIALS.password)),
  'a name of marks that is too long': alone(register(marks(8000), CREDENTIALS.password)),
  'a name of spaces': alone(register(`${' '.repeat(8000)}x${' '.repeat(8000)}`, CREDENTIALS.password)),
  'a name of control characters': alone(register('\u0001'.repeat(2600), '\0'.repeat(50))),
  'a token of 8 kB': alone(verify(`${'a'.repeat(2700)}.${'a'.repeat(2700)}.${'a'.repeat(2700)}`)),
  'a token of dots': alone(verify('a.'.repeat(8000))),
  'a header of spaces': alone(get('/health/live', `Authorization: Bearer${' '.repeat(15_000)}x\r\n`)),
  'a type of spaces': alone(post('/api/token/verify/', '{}', `application/json${' '.repeat(15_000)}x`)),
  'many forwarders': alone(get('/health/live', `X-Forwarded-For: ${'1.1.1.1,'.repeat(1900)}\r\n`)),
  'many headers': alone(get('/health/live', Array.from({ length: 2000 }, (_, i) => `h${i}:\r\n`).join(''))),
  'headers that are too large': { bytes: get('/health/live', `A: ${'a'.repeat(60_000)}\r\n`), connections: 50 },
  'a long path': alone(get(`/${'a/'.repeat(7000)}`)),
  'a path of escapes': alone(get(`/${'%41'.repeat(5000)}`)),
  'a body of single bytes': alone(
    `POST /api/token/verify/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${'1\r\na\r\n'.repeat(10_000)}0\r\n\r\n`,
  ),
  'a packet of requests': alone('GET / HTTP/1.1\r\nHost:\r\n\r\n'.repeat(2600)),
  'packets of requests behind logins': {
    bytes: post('/api/token/', JSON.stringify(CREDENTIALS)) + 'GET / HTTP/1.1\r\nHost:\r\n\r\n'.repeat(2600),
    connections: 20,
  },
  'a thousand connections': { bytes: '', connections: 1000 },
  'the API document': { bytes: get('/openapi.json'), connections: 50 },
  'the script of the page': { bytes: get('/docs/swagger-ui-bundle.js'), connections: 20 },
}

/** Resolves when every connection is closed, or after PATIENCE_MS. */
export async function send(port: number, { bytes, connections }: Attack): Promise<void> {
  await Promise.all(Array.from({ length: connections }, () => sendOnce(port, bytes)))
}

async function sendOnce(port: number, bytes: string): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => {})
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.resume().write(bytes)
  await Promise.race([closed, sleep(PATIENCE_MS)])
  socket.destroy()
}
