// Two linters of OpenAPI find nothing in the document, in either version, by all the rules that they recommend. Of these only the one about
// slashes at the end of paths is off, in redocly.yaml and spectral.yaml. Only installing them needs a network.
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { ApiDocument } from '../../http/api-document.ts'
import { operationsOf } from '../openapi/schemas.ts'
import { folder, ROOT } from '../server/process.ts'
import { type Command, run, setUp } from './clients/matrix.ts'

interface Linter {
  readonly name: string
  /** Prints what it finds as JSON, whatever the severity. */
  readonly lint: (document: string) => Command
  readonly findings: (printed: string) => readonly Finding[]
  /** The rules that find what {@link plantFaults} plants. */
  readonly finds: readonly string[]
}

interface Finding {
  readonly rule: string
  readonly place: string
  readonly message: string
}

const node = (script: string, ...parameters: string[]): Command => [process.execPath, join('node_modules', script), ...parameters]

const redocly: Linter = {
  name: 'Redocly',
  lint: (document) => node('@redocly/cli/bin/cli.js', 'lint', document, '--config=redocly.yaml', '--format=json'),
  findings: (printed) =>
    (JSON.parse(printed) as { problems: { ruleId: string; message: string; location: { pointer: string }[] }[] }).problems.map(
      ({ ruleId, message, location }) => ({ rule: ruleId, place: location[0]?.pointer ?? '', message }),
    ),
  finds: ['no-unused-components', 'operation-operationId-unique'],
}

const spectral: Linter = {
  name: 'Spectral',
  lint: (document) =>
    node('@stoplight/spectral-cli/dist/index.js', 'lint', document, '--ruleset=spectral.yaml', '--format=json', '--quiet'),
  findings: (printed) =>
    (JSON.parse(printed) as { code: string; message: string; path: string[] }[]).map(({ code, message, path }) => ({
      rule: code,
      place: path.join(' '),
      message,
    })),
  finds: ['oas3-unused-component', 'operation-operationId-unique'],
}

const place = folder(t)
cpSync(join(import.meta.dirname, 'api-lint'), place, { recursive: true })
const installed = await setUp(
  {
    registry: { name: 'the npm registry', ask: ['npm', 'view', '@redocly/cli', 'version'] },
    install: [['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund']],
  },
  place,
)
if ('absent' in installed) t.pass(installed.absent, { skip: installed.absent })
else {
  t.equal(installed.code, 0, installed.output)
  for (const document of ['openapi.json', 'openapi-3.0.json']) {
    for (const linter of [redocly, spectral]) await t.test(`${linter.name} on ${document}`, (t) => testLinter(t, linter, document))
  }
}

async function testLinter(t: Test, linter: Linter, document: string): Promise<void> {
  const text = readFileSync(join(ROOT, document), 'utf8')
  await t.test('it finds nothing', async (t) => t.same(await findings(linter, document, text), []))
  await t.test('it finds faults that are planted', async (t) => {
    const found = await findings(linter, `faulty-${document}`, plantFaults(text))
    t.same([...new Set(found.map(({ rule }) => rule))].sort(), linter.finds)
  })
}

async function findings(linter: Linter, name: string, text: string): Promise<readonly Finding[]> {
  writeFileSync(join(place, name), text)
  const { stdout, output } = await run(linter.lint(name), place, { REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' })
  try {
    return linter.findings(stdout)
  } catch (error) {
    throw new Error(output, { cause: error })
  }
}

/** A schema that nothing refers to, which is worth a warning, and two operations with the same id, which is an error. */
function plantFaults(text: string): string {
  const document = JSON.parse(text) as ApiDocument
  const [first, second] = operationsOf(document)
  if (first && second) second.operationId = first.operationId
  document.components.schemas.Stray = { type: 'object' }
  return JSON.stringify(document)
}
