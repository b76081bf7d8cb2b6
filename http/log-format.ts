import type { PrettyOptions } from 'pino-pretty'
import type { Config } from '../config.ts'
import { harmless } from '../domain/text.ts'

/** What takes the lines of the log, one at a time, each with the end of the line. */
interface Destination {
  write(line: string): void
}

/** Where the log ends up: whether that is a terminal, and whether it shows colours. */
export interface Terminal {
  readonly isTerminal: boolean
  readonly hasColors: boolean
}

/**
 * The destination that takes lines of JSON and writes them to `destination` as `LOG_FORMAT` asks. The printer for people is loaded only where
 * it is used, and runs on this thread.
 */
export async function inFormat(destination: Destination, format: Config['logFormat'], terminal: Terminal): Promise<Destination> {
  if (format === 'json' || (format === 'auto' && !terminal.isTerminal)) return destination
  const { prettyFactory } = (await import('pino-pretty')).default
  const print = prettyFactory({ ...LAYOUT, colorize: terminal.isTerminal && terminal.hasColors })
  return { write: (line) => destination.write(print(JSON.parse(line, printable))) }
}

/** One line each, but for the stack of an error. */
const LAYOUT: PrettyOptions = {
  singleLine: true,
  ignore: 'pid,hostname,method,path,status',
  messageFormat: ({ method, path, status, msg }) => [method, path, status, msg].filter((part) => part !== undefined).join(' '),
}

/** What a client chose, such as the origin of a page, could otherwise control the terminal, or look like a line of its own. */
function printable(member: string, value: unknown): unknown {
  if (typeof value !== 'string') return value
  return member === 'stack' ? value.split('\n').map(harmless).join('\n') : harmless(value)
}
