import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { getSystemErrorMessage, TextDecoder } from 'node:util'

/** The text of a secret, or why it is refused: one line that names the variable and never repeats the secret. */
export type SecretText = { readonly text: string; readonly fault?: undefined } | { readonly text?: undefined; readonly fault: string }

/** Far more than a secret needs. Without a bound, a wrong path or pipe could fill the memory. */
export const LONGEST_SECRET_BYTES = 65_536
const AS_TEXT = 'save it as UTF-8 without a byte order mark'
const NOT_UTF_8 = 'has bytes that are not UTF-8; make it text, as `openssl rand -base64 32` does'

/**
 * Reads a secret from a file, less one line break at its end.
 *
 * @param variable its name, `JWT_SECRET_FILE`
 * @param path what that variable says
 */
export function readSecretFile(variable: string, path: string): SecretText {
  let bytes: Buffer
  try {
    const kind = kindOf(path)
    if (kind !== 'file') return { fault: `${variable} is ${JSON.stringify(path)}, which is ${kind}, and must be a regular file` }
    bytes = readStart(path)
  } catch (error) {
    return { fault: `${variable} ${named(path)}, which cannot be read: ${reasonOf(error as NodeJS.ErrnoException)}` }
  }
  const { text, fault } = textOf(bytes)
  return fault === undefined ? { text } : { fault: `${variable} is ${JSON.stringify(path)}, which ${fault}` }
}

/** A secret that came as bytes, less one line break at its end. @param name where from, for the fault */
export function checkSecretBytes(name: string, bytes: Buffer): SecretText {
  const { text, fault } = textOf(bytes)
  return fault === undefined ? { text } : { fault: `${name} ${fault}` }
}

/** The secret of a variable itself. Node has decoded it, and has put U+FFFD in the place of what is not UTF-8. */
export function checkSecretVariable(variable: string, text: string): SecretText {
  const fault = faultOf(text)
  return fault === undefined ? { text } : { fault: `${variable} ${fault}` }
}

function kindOf(path: string): string {
  const stats = statSync(path)
  if (stats.isFile()) return 'file'
  if (stats.isDirectory()) return 'a directory'
  if (stats.isFIFO()) return 'a pipe'
  return stats.isSocket() ? 'a socket' : 'a device'
}

/** At most one byte more than a file may have. Its size is not asked for: that of a file in /proc is 0. */
function readStart(path: string): Buffer {
  const buffer = Buffer.alloc(LONGEST_SECRET_BYTES + 1)
  const file = openSync(path, 'r')
  try {
    let length = 0
    for (let read = -1; read !== 0; length += read) read = readSync(file, buffer, length, buffer.length - length, null)
    return buffer.subarray(0, length)
  } finally {
    closeSync(file)
  }
}

/** The path of a file that cannot be read, unless it may be the secret itself, put into the wrong variable. */
function named(path: string): string {
  const mayBePrinted = /[/\\]/.test(path.slice(1)) && existsSync(dirname(path))
  return mayBePrinted ? `is ${JSON.stringify(path)}` : `is a path of ${Buffer.byteLength(path)} bytes`
}

function reasonOf({ errno, message }: NodeJS.ErrnoException): string {
  return errno === undefined ? message : getSystemErrorMessage(errno)
}

function textOf(bytes: Buffer): SecretText {
  if (bytes.length > LONGEST_SECRET_BYTES) return { fault: `has more than ${LONGEST_SECRET_BYTES} bytes, and is no secret` }
  if (/^(fffe|feff)/.test(bytes.toString('hex', 0, 2))) return { fault: `is UTF-16; ${AS_TEXT}` }
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes).replace(/\r?\n$/, '')
  } catch {
    return { fault: NOT_UTF_8 }
  }
  const fault = faultOf(text)
  return fault === undefined ? { text } : { fault }
}

/** What a secret has that is mostly a mistake, and that nobody sees: with it the key would be another one than it looks. */
function faultOf(text: string): string | undefined {
  if (text === '') return 'is empty'
  if (text.startsWith('\ufeff')) return `begins with a byte order mark; ${AS_TEXT}`
  if (text.includes('\0')) return `has NUL bytes, as UTF-16 and raw bytes do; ${AS_TEXT}`
  if (text.includes('\ufffd')) return NOT_UTF_8
  if (/^\s|\s$/u.test(text)) return 'has white space around it; take it out'
  if (/^[\p{Cc}\p{Cf}]|[\p{Cc}\p{Cf}]$/u.test(text)) return 'has an invisible character at its beginning or its end; take it out'
  if (/^[\p{Quotation_Mark}`].*[\p{Quotation_Mark}`]$/su.test(text)) return 'has quotes around it; take them out'
  return undefined
}
