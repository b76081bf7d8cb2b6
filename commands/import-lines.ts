import { createReadStream } from 'node:fs'
import { usersOfLines } from '../domain/imports/from-lines.ts'
import type { TableOptions } from '../domain/imports/from-table.ts'
import type { UserSource } from '../domain/imports/source.ts'
import { CommandError } from './run.ts'

/** The users in the lines of a file, or of standard input for `-`. @throws {CommandError} when it cannot be read */
export async function linesOf(file: string, options: TableOptions): Promise<UserSource> {
  const place = file === '-' ? 'standard input' : file
  const chunks: AsyncIterable<Buffer> = file === '-' ? process.stdin : createReadStream(file, { highWaterMark: 256 * 1024 })
  try {
    return await usersOfLines(place, chunks, options)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw code === undefined ? error : new CommandError(`cannot read ${place}: ${message}`)
  }
}
