import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { Option } from 'commander'
import { checkSecretBytes, LONGEST_SECRET_BYTES, readSecretFile, type SecretText } from '../secret-text.ts'
import { CommandError } from './run.ts'

export interface PasswordOptions {
  readonly passwordFile?: string
}

/** Of every command that sets a password. No option takes the password itself: other users see what a command is given. */
export function passwordOption(): Option {
  return new Option('--password-file <path>', 'read the password from this file, instead of the terminal or standard input')
}

/**
 * A new password: from the file of the option; else typed twice and not shown, where standard input is a terminal; else all of standard
 * input. Of a file and of standard input, one line break at the end is not part of it.
 *
 * @throws {CommandError} when there is none, or what is there is nothing that anybody could type
 */
export async function readNewPassword({ passwordFile }: PasswordOptions): Promise<string> {
  if (passwordFile !== undefined) return typeable('--password-file', readSecretFile('--password-file', passwordFile))
  if (process.stdin.isTTY) return typedTwice()
  return typeable('standard input', checkSecretBytes('standard input', await standardInput()))
}

function typeable(name: string, { text, fault }: SecretText): string {
  if (text === undefined) throw new CommandError(`${fault}; it must be the password`)
  if (/[\r\n]/.test(text)) throw new CommandError(`${name} has more than one line; it must be the password and nothing else`)
  return text
}

/** At most a little more than a secret may have, for the check to refuse. */
async function standardInput(): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    length += chunk.length
    if (length > LONGEST_SECRET_BYTES) break
  }
  return Buffer.concat(chunks)
}

/** Asks on standard error, so that standard output has the result alone. */
async function typedTwice(): Promise<string> {
  // It takes the echo from the terminal, and gives it back when it is closed.
  const typing = createInterface({ input: process.stdin, output: nowhere(), terminal: true, historySize: 0 })
  // In this mode Ctrl-C is a character like others. It ends the process as it does elsewhere.
  typing.once('SIGINT', () => {
    typing.close()
    process.kill(process.pid, 'SIGINT')
  })
  try {
    const lines = typing[Symbol.asyncIterator]()
    const first = await answer('Password: ', lines)
    if (first === '') throw new CommandError('no password was given; nothing has changed')
    if ((await answer('The same again: ', lines)) !== first) throw new CommandError('the two passwords differ; nothing has changed')
    return first
  } finally {
    typing.close()
  }
}

/** Empty where the terminal is closed, or its user types Ctrl-D. */
async function answer(question: string, lines: AsyncIterator<string>): Promise<string> {
  process.stderr.write(question)
  const { value = '' } = await lines.next()
  process.stderr.write('\n')
  return value
}

function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() })
}
