import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { makeClient } from '../../../harness/api-client.ts'
import { folder, ROOT, start } from '../../server/process.ts'
import { LATER_CODE, LATER_ID, laterVersion } from './later.ts'

// Generators of clients, each on its own: it makes a client of the API document, the client is compiled as it is, and a program on top of
// it, the tour, calls a live service. What came of it is a row of docs/clients.md, which a run with WRITE_CLIENTS=1 writes.

/** A generator, and how a client of it is made, compiled and run. Commands run in `folder`, a copy of that of the generator. */
export interface Generator {
  readonly language: string
  /** Its name in docs/clients.md; its folder is `test/slow/clients/LANGUAGE/NAME`, both in small letters, or `folder`. */
  readonly name: string
  readonly folder?: string
  /** The pinned version of the generator. */
  readonly version: string
  /** The version of OpenAPI that it is given: `openapi.json` is 3.1, `openapi-3.0.json` is 3.0. */
  readonly document: '3.1' | '3.0'
  /** The registries that it comes from. The row is skipped, and says so, where installing fails and one of them does not answer. */
  readonly registry: Registry | readonly Registry[]
  /** Programs that have to be there, by what they print when they are new enough. The row is skipped, and says so, where one is not. */
  readonly needs?: readonly { readonly command: Command; readonly prints: RegExp }[]
  readonly install: readonly Command[]
  /** Reads the document, which is in the folder under its own name. */
  readonly generate: readonly Command[]
  /** Compiles or type-checks both the client and the tour. */
  readonly compile: readonly Command[]
  /** The tour: prints {@link whole} as the last line. */
  readonly tour: Command
  readonly env?: Readonly<Record<string, string>>
  /**
   * The option without which the client refuses members or codes that the document does not know; it is in the generator's manifest, or
   * among `generate`.
   */
  readonly forLater?: string
}

export interface Registry {
  readonly name: string
  /** Fails where the registry is out of reach. */
  readonly ask: Command
}

export type Command = readonly [program: string, ...parameters: string[]]

/** Downloads and compiled dependencies are kept here between runs. */
export const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'latchkey-clients')

const DOCUMENTS = { '3.1': 'openapi.json', '3.0': 'openapi-3.0.json' } as const
const PAGE = join(ROOT, 'docs/clients.md')
/** What pins a generator, where the path of its program does not. */
const MANIFESTS = ['package.json', 'requirements.txt', 'go.mod', 'Cargo.toml', 'pom.xml']

/** What every tour prints, as JSON, out of the typed members of the client: nothing is read from raw bodies. */
const whole = {
  registered: 'User created successfully',
  login: 'Login successful',
  /** Whether both tokens of the refresh are there and differ from those before. */
  refreshed: true,
  verified: true,
  me: { id: 1, username: 'testuser' },
  /** How many there are, and how many of them are `current`. */
  sessions: { count: 1, current: 1 },
  introspected: { active: true, sub: '1', audience: 'shop', expiresAfterIssue: 300 },
  /** Of a registration with an empty username and a good password. */
  invalid: {
    status: 400,
    code: 'invalid',
    username: ['This field may not be blank.'],
    errors: { username: ['This field may not be blank.'] },
  },
  /** Of a login with a wrong password. */
  unauthorized: { status: 401, code: 'invalid_credentials' },
  /** Of wrong logins until one is refused so; whether `Retry-After` is a number of seconds. */
  throttled: { status: 429, code: 'throttled', retryAfter: true },
  loggedOut: true,
  afterLogout: { status: 401, code: 'token_not_valid' },
  /** Of a service with members and codes that the document does not know yet: the id of `me`, and the code of a refused `verify`. */
  later: { id: LATER_ID, status: 401, code: LATER_CODE },
}

/** Tests a generator: one test for each of its steps, and one for its row in docs/clients.md. */
export async function testGenerator(t: Test, generator: Generator): Promise<void> {
  const { language, name, version, document, env, generate, compile } = generator
  await t.test(`${language}: ${name} ${version}`, async (t) => {
    const all = t
    const place = copy(t, generator)
    const pins = MANIFESTS.map((name) => join(place, name)).flatMap((file) => (existsSync(file) ? [readFileSync(file, 'utf8')] : []))
    t.ok(
      [...pins, ...generate.flat()].some((pin) => pin.includes(version)),
      `${version} is the version that is pinned`,
    )
    const ran = await setUp(generator, place)
    if ('absent' in ran) return t.pass(ran.absent, { skip: ran.absent })
    await t.test('it installs', async (t) => t.equal(ran.code, 0, ran.output))
    await t.test(`it makes a client of OpenAPI ${document}`, (t) => succeed(t, generate, place, env))
    await t.test('the client and the tour compile without edits', (t) => succeed(t, compile, place, env))
    await t.test('the tour walks a live service, and reads the answers of a later version', (t) => walk(t, generator, place))
    await t.test('docs/clients.md has the row of a generator that can do all this (WRITE_CLIENTS=1 writes it)', async (t) => {
      if (process.env.WRITE_CLIENTS && all.passing()) writeFileSync(PAGE, withRow(readFileSync(PAGE, 'utf8'), generator))
      t.ok(readFileSync(PAGE, 'utf8').includes(`${row(generator)}\n`), row(generator))
    })
  })
}

/** What is installed and run as it comes from a registry. */
export type Tool = Pick<Generator, 'needs' | 'install' | 'registry' | 'env'>

/** Installs a tool. `absent` says why it cannot be tried on this machine, where it cannot. */
export async function setUp({ needs = [], install, registry, env }: Tool, place: string): Promise<Ran | { absent: string }> {
  for (const { command, prints } of needs) {
    const { output } = await run(command, place, env)
    if (!prints.test(output)) return { absent: `\`${command.join(' ')}\` does not print ${prints}` }
  }
  const ran = await runAll(install, place, env)
  if (ran.code === 0) return ran
  for (const { name, ask } of [registry].flat()) {
    if ((await run(ask, place, env)).code !== 0) return { absent: `${name} does not answer` }
  }
  return ran
}

async function succeed(t: Test, commands: readonly Command[], cwd: string, env = {}): Promise<void> {
  const { code, output } = await runAll(commands, cwd, env)
  t.equal(code, 0, output)
}

/** Runs one after the other, until one fails; the output is the end of that of the last. */
async function runAll(commands: readonly Command[], cwd: string, env = {}): Promise<Ran> {
  let ran: Ran = { code: 0, stdout: '', output: '' }
  for (const command of commands) {
    ran = await run(command, cwd, env)
    ran = { ...ran, output: `${command.join(' ')}\n${ran.code === 0 ? '' : ran.output.slice(-4000)}` }
    if (ran.code !== 0) break
  }
  return ran
}

async function walk(t: Test, generator: Generator, place: string): Promise<unknown> {
  const database = `file:${folder(t)}/latchkey.db`
  const { url } = await start(t, { DATABASE_URL: database, JWT_AUDIENCE: 'shop', LOG_LEVEL: 'info' })
  const { client_id, client_secret } = await makeClient(database)
  const addresses = { LATCHKEY_URL: url, LATCHKEY_LATER_URL: await laterVersion(t, url) }
  const { code, output, stdout } = await run(generator.tour, place, {
    ...generator.env,
    ...addresses,
    CLIENT_ID: client_id,
    CLIENT_SECRET: client_secret,
  })
  if (code !== 0) return t.fail(output.slice(-4000))
  t.same(JSON.parse(stdout.trim().split('\n').at(-1) ?? 'null'), whole)
}

/** A copy of the generator's folder, with the two documents in it. */
function copy(t: Test, { language, name, folder: own = name.toLowerCase() }: Generator): string {
  const place = folder(t)
  cpSync(join(import.meta.dirname, language.toLowerCase(), own), place, { recursive: true })
  for (const document of Object.values(DOCUMENTS)) cpSync(join(ROOT, document), join(place, document))
  mkdirSync(cache, { recursive: true })
  return place
}

export interface Ran {
  readonly code: number
  readonly stdout: string
  /** Standard output and error. */
  readonly output: string
}

/** Runs a command, for ten minutes at most. */
export function run([program, ...parameters]: Command, cwd: string, env: Readonly<Record<string, string>> = {}) {
  // Without NODE_OPTIONS: the test runner would load its own handlers into every Node.
  const { NODE_OPTIONS: _, ...outer } = process.env
  return new Promise<Ran>((resolve) => {
    const options = { cwd, env: { ...outer, ...env }, maxBuffer: 2 ** 26, timeout: 600_000, killSignal: 'SIGKILL' } as const
    execFile(program, parameters, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
      resolve({ code, stdout, output: `${stdout}${stderr}${error?.message ?? ''}` })
    })
  })
}

const keyOf = ({ language, name }: Generator) => `| ${language} | ${name} |`

function row(generator: Generator): string {
  const { version, document, forLater } = generator
  return `${keyOf(generator)} ${version} | ${document} | yes | yes | yes | ${forLater ? `with \`${forLater}\`` : 'yes'} |`
}

/** The page with the generator's row, in the place of the one that was there, or in its place by the alphabet. */
function withRow(page: string, generator: Generator): string {
  const lines = page.split('\n')
  const begin = lines.findIndex((line) => line.startsWith('| language | generator |')) + 2
  const end = lines.findIndex((line, index) => index >= begin && !line.startsWith('|'))
  const others = lines.slice(begin, end).filter((line) => !line.startsWith(keyOf(generator)))
  return [...lines.slice(0, begin), ...[...others, row(generator)].sort(), ...lines.slice(end)].join('\n')
}
