// The report of `npm test`, on a terminal and in a pipe: a line a file or folder, every failure whole, the counts. tap's own reporters
// either redraw the screen or leave out the counts. It reads TAP, in which the tests in a test are indented by four spaces.
import { Transform } from 'node:stream'

const RESULT = /^( *)(not )?ok \d+ - (.*?)( # (?:time|SKIP|TODO)\b.*)?$/
const SUBTEST = /^( *)# Subtest: (.*)$/
const DIAGNOSTIC = /^( *)---$/
const TOTAL = /^(# \{ total: |# time=|Bail out!)/

export default class Report extends Transform {
  #rest = ''
  /** The titles of the tests that are open, the outermost first. */
  #titles: string[] = []
  /** The last line of the diagnostic that is being read. */
  #diagnosticEnd: string | undefined
  #isPrinting = false
  /** The depth of the last failure: the tests around it fail because of it, and are not printed again. */
  #failedDepth = -1

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const lines = (this.#rest + chunk).split('\n')
    this.#rest = lines.pop() as string
    for (const line of lines) this.#read(line)
    done()
  }

  #print(line: string): void {
    this.push(`${line}\n`)
  }

  #read(line: string): void {
    const [, indent] = DIAGNOSTIC.exec(line) ?? []
    if (this.#diagnosticEnd !== undefined) this.#readDiagnostic(line)
    else if (indent !== undefined) this.#diagnosticEnd = `${indent}...`
    else this.#readTest(line)
  }

  #readTest(line: string): void {
    const [, subtestIndent, title] = SUBTEST.exec(line) ?? []
    if (subtestIndent !== undefined) this.#titles.splice(subtestIndent.length / 4, Infinity, title as string)
    const [, resultIndent, not, name = '', note = ''] = RESULT.exec(line) ?? []
    if (resultIndent !== undefined) this.#readResult(resultIndent.length / 4, not !== undefined && !/TODO|SKIP/.test(note), name, note)
    if (TOTAL.test(line)) this.#print(line)
  }

  #readDiagnostic(line: string): void {
    const end = this.#diagnosticEnd as string
    if (line === end) {
      this.#diagnosticEnd = undefined
      this.#isPrinting = false
    } else if (this.#isPrinting) {
      this.#print(`  ${line.slice(end.length - '...'.length)}`)
    }
  }

  #readResult(depth: number, isFailure: boolean, name: string, note: string): void {
    if (isFailure) {
      this.#isPrinting = this.#failedDepth <= depth
      this.#failedDepth = depth
      if (this.#isPrinting) this.#print(`\nnot ok - ${[...this.#titles.slice(0, depth), name].map(shown).join(' > ')}`)
    }
    if (depth === 0) {
      this.#print(`${isFailure ? 'not ok' : 'ok'} - ${shown(name)}${note}`)
      this.#failedDepth = -1
    }
  }
}

/** The name without the folder of the generated files that import the tests of a group. */
function shown(name: string): string {
  return name.replace(/^node_modules\/\.cache\/tests\/(.*)\.mjs$/, '$1')
}
