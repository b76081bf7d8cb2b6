import { ImportRefused } from './source.ts'

/** Of a line, in bytes. A longer one is only looked at. */
const LINE_BYTES = 16 * 1024 * 1024
/** What is kept of a line that is longer: it says in the beginning what it is. */
const BEGINNING_BYTES = 1024

const LINE_FEED = 0x0a

/** A line of text, less its end; of one that is too long the beginning. */
export interface Line {
  readonly number: number
  readonly text: string
  readonly isWhole: boolean
}

const decoder = new TextDecoder('utf-8', { fatal: true })

/** The lines of a text in UTF-8, with or without a byte order mark and with either end of lines, but empty ones. @throws {ImportRefused} */
export async function* readLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Line> {
  let number = 0
  for await (const { bytes, isWhole } of splitLines(chunks)) {
    number++
    if (number === 1) refuseOtherFiles(bytes)
    const text = isWhole ? decoded(bytes, number) : bytes.toString('latin1')
    if (text.trim() !== '') yield { number, text, isWhole }
  }
}

async function* splitLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<{ bytes: Buffer; isWhole: boolean }> {
  let parts: Buffer[] = []
  let length = 0
  const add = (part: Buffer) => {
    length += part.length
    if (length <= LINE_BYTES) parts.push(part)
    // Of what is too long no more is kept than its beginning, however it came.
    else if (parts.length !== 1 || (parts[0]?.length ?? 0) > BEGINNING_BYTES)
      parts = [Buffer.concat([...parts, part]).subarray(0, BEGINNING_BYTES)]
  }
  const take = () => {
    const line = { bytes: Buffer.concat(parts), isWhole: length <= LINE_BYTES }
    parts = []
    length = 0
    return line
  }
  for await (const chunk of chunks) {
    let from = 0
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, from)) {
      add(chunk.subarray(from, end))
      yield take()
      from = end + 1
    }
    if (from < chunk.length) add(chunk.subarray(from))
  }
  if (length > 0) yield take()
}

/** What is often given in its place. */
function refuseOtherFiles(first: Buffer): void {
  if (first.subarray(0, 15).toString('latin1') === 'SQLite format 3')
    throw new ImportRefused('it is a SQLite database: give it as file:PATH')
  if (/^(fffe|feff)/.test(first.toString('hex', 0, 2))) throw new ImportRefused('it is UTF-16: save it as UTF-8')
  if (
    /^\s*\[/.test(
      first
        .subarray(0, 100)
        .toString('latin1')
        .replace(/^\xef\xbb\xbf/, ''),
    )
  ) {
    throw new ImportRefused('it is one JSON document: make it with dumpdata --format jsonl, which writes a line for each row')
  }
}

function decoded(bytes: Buffer, number: number): string {
  try {
    return decoder.decode(bytes)
  } catch {
    throw new ImportRefused(`line ${number} has bytes that are not UTF-8`)
  }
}
