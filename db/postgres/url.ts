import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'

/** Where a database is, and as whom it is used: what a URL says. */
export interface Address {
  /** A name or IP address, or the folder of a Unix socket. */
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: string
  readonly ssl: false | ConnectionOptions
}

const SCHEME = /^postgres(?:ql)?:\/\//
const PARAMETERS = ['host', 'port', 'sslmode', 'sslrootcert']

/** Whether a URL is one of PostgreSQL, right or wrong. */
export function isPostgresUrl(url: string): boolean {
  return SCHEME.test(url)
}

/**
 * Reads a URL as libpq does (PostgreSQL's manual, "Connection URIs"), but of its parameters only those whose meaning here is the same:
 * one that is passed over in silence, such as `sslmode=verify-ca`, could mean a connection that is less safe than it looks.
 *
 * @throws {TypeError} what is wrong, in words without credentials
 */
export function parseUrl(text: string): Address {
  const url = asUrl(text)
  // Which one is not said: behind a question mark there may be half of a password.
  const isUnknown = [...url.searchParams.keys()].some((name) => !PARAMETERS.includes(name))
  if (isUnknown) throw new TypeError(`it has a parameter that is not known here; those that are: ${PARAMETERS.join(', ')}`)
  const host = url.searchParams.get('host') ?? decoded(url.hostname.replace(/^\[(.*)\]$/, '$1'))
  if (host === '') throw new TypeError('it must name a host, or with host=/FOLDER the folder of a Unix socket')
  if (host.includes(',')) throw new TypeError('it names several hosts, and can name only one')
  const port = Number(url.searchParams.get('port') ?? (url.port || 5432))
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new TypeError('its port must be a whole number from 1 to 65535')
  const database = decoded(url.pathname.slice(1))
  if (database === '') throw new TypeError('it must name a database: postgres://USER:PASSWORD@HOST:PORT/DATABASE')
  if (url.username === '') throw new TypeError('it must name a user: postgres://USER:PASSWORD@HOST:PORT/DATABASE')
  return { host, port, database, user: decoded(url.username), password: decoded(url.password), ssl: tlsOf(url.searchParams, host) }
}

/** Node's parser knows no list of hosts, and no empty host beside a user. */
function asUrl(text: string): URL {
  const wrong = new TypeError(
    'it is no URL: postgres://USER:PASSWORD@HOST:PORT/DATABASE, where a character of USER or PASSWORD that has a meaning in URLs is percent-encoded',
  )
  const authority = /^[^/]*\/\/([^/?#]*)/.exec(text)?.[1] ?? ''
  if (authority.slice(authority.lastIndexOf('@') + 1).includes(',')) throw new TypeError('it names several hosts, and can name only one')
  const isHostless = authority.endsWith('@') || authority === ''
  const whole = isHostless ? text.replace(/(\/\/[^/?#]*)/, '$1socket.invalid') : text
  if (!URL.canParse(whole)) throw wrong
  const url = new URL(whole)
  if (isHostless && url.searchParams.get('host') === null)
    throw new TypeError('it must name a host, or with host=/FOLDER the folder of a Unix socket')
  if (url.hash !== '') throw wrong
  return url
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new TypeError('it has a percent sign that encodes nothing: a percent sign itself is written %25')
  }
}

/** `require` encrypts and believes every server; `verify-full` also checks its certificate and name. */
function tlsOf(parameters: URLSearchParams, host: string): false | ConnectionOptions {
  const mode = parameters.get('sslmode') ?? 'disable'
  const rootFile = parameters.get('sslrootcert')
  if (rootFile !== null && mode !== 'verify-full') throw new TypeError('sslrootcert has a meaning only with sslmode=verify-full')
  switch (mode) {
    case 'disable':
      return false
    case 'require':
      return { rejectUnauthorized: false }
    case 'verify-full':
      // By its host the certificate is checked, also that of an IP address.
      return { rejectUnauthorized: true, host, ...(rootFile !== null && { ca: rootCertificates(rootFile) }) }
    default:
      throw new TypeError('its sslmode must be disable, require or verify-full')
  }
}

function rootCertificates(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new TypeError(`its sslrootcert cannot be read: ${(error as Error).message}`)
  }
}
