import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { folder } from '../server/process.ts'

const root = join(import.meta.dirname, '../..')

/** Runs a command of the project, without the NODE_OPTIONS of the test runner. */
async function run(command: readonly [string, ...string[]], env: Record<string, string> = {}): Promise<{ code: number; output: string }> {
  const { NODE_OPTIONS: _, ...inherited } = process.env
  const child = spawn(command[0], command.slice(1), { cwd: root, env: { ...inherited, ...env }, stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk
  })
  const [code] = await once(child, 'close')
  return { code, output }
}

const audit = [process.execPath, 'bin/audit.ts'] as const
/** The exit code of an audit that could not ask the registry. */
const NOT_AUDITED = 2

/** Audits the project against a registry that answers as the test says. */
async function auditWith(t: Pick<Test, 'teardown'>, answer: (response: ServerResponse) => void) {
  const server = createServer((request, response) => {
    request.resume()
    if (request.url?.endsWith('/security/advisories/bulk')) answer(response)
    else response.writeHead(404).end('{}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const npm_config_registry = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  // An empty cache: npm caches what it has computed from an advisory.
  return run(audit, { npm_config_registry, npm_config_fetch_retries: '0', npm_config_cache: folder(t) })
}

const json = (response: ServerResponse, body: object) => response.setHeader('content-type', 'application/json').end(JSON.stringify(body))

t.test('npm audit finds only what is explained', async (t) => {
  const { code, output } = await run(audit)
  for (const line of output.trimEnd().split('\n')) t.comment(line)
  if (code === NOT_AUDITED) t.pass('not audited', { skip: output.trimEnd() })
  else t.equal(code, 0)
})

t.test('an audit fails on a finding that is not explained, and says which', async (t) => {
  const { version } = JSON.parse(readFileSync(join(root, 'node_modules/fast-jwt/package.json'), 'utf8'))
  const advisory = {
    id: 1,
    url: 'https://example.com/advisories/GHSA-aaaa-bbbb-cccc',
    title: 'Anybody may sign',
    severity: 'critical',
    vulnerable_versions: `<=${version}`,
    cwe: [],
    cvss: { score: 0, vectorString: null },
  }
  t.same(await auditWith(t, (response) => json(response, { 'fast-jwt': [advisory] })), {
    code: 1,
    output:
      `fast-jwt <=${version}: critical: Anybody may sign https://example.com/advisories/GHSA-aaaa-bbbb-cccc: NOT EXPLAINED\n` +
      '1 findings, 1 not explained\n',
  })
})

t.test('an audit that finds nothing passes', async (t) => {
  t.same(await auditWith(t, (response) => json(response, {})), { code: 0, output: '0 findings, 0 not explained\n' })
})

t.test('an audit of a registry without audits says so, with a code of its own', async (t) => {
  t.same(await auditWith(t, (response) => response.writeHead(405).end()), {
    code: NOT_AUDITED,
    output: 'NOT AUDITED: this registry has no audit endpoint (it answers 405)\n',
  })
})

t.test('an audit that gets no answer, an error or nonsense says that it could not ask, with the same code', async (t) => {
  for (const answer of [
    (response: ServerResponse) => response.writeHead(500).end(),
    (response: ServerResponse) => response.writeHead(401).end(),
    (response: ServerResponse) => response.end('<html>'),
    (response: ServerResponse) => response.destroy(),
  ]) {
    const { code, output } = await auditWith(t, answer)
    t.equal(code, NOT_AUDITED, output)
    t.match(output, /^NOT AUDITED: the registry could not be asked: .+\n$/)
  }
})

t.test('an audit offline, or without npm, is none', async (t) => {
  const registry = 'http://127.0.0.1:9'
  const settings = { npm_config_registry: registry, npm_config_fetch_retries: '0', npm_config_cache: folder(t) }
  for (const env of [settings, { ...settings, npm_config_offline: 'true' }, { PATH: '' }]) {
    const { code, output } = await run(audit, env)
    t.equal(code, NOT_AUDITED, output)
    t.match(output, /^NOT AUDITED: the registry could not be asked: .+\n$/)
  }
})

t.test('the installed packages are those of the lock file', async (t) => {
  t.match(await run(['npm', 'ls', '--all', '--parseable']), { code: 0 })
})

t.test('the software bill of materials lists every package that the service runs with, with its hash and licence', async (t) => {
  const { code, output } = await run([process.execPath, 'bin/sbom.ts'])
  t.equal(code, 0)
  const bill = JSON.parse(output)
  t.match(bill, { bomFormat: 'CycloneDX', metadata: { component: { type: 'application', name: 'latchkey' } } })
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const locked = Object.entries<{ version: string; dev?: boolean; link?: boolean }>(packages).filter(
    ([path, { dev, link }]) => path !== '' && !dev && !link,
  )
  const names = (all: string[]) => [...new Set(all)].sort()
  t.same(
    names(bill.components.map(({ name, version }: { name: string; version: string }) => `${name}@${version}`)),
    names(locked.map(([path, { version }]) => `${path.slice(path.lastIndexOf('node_modules/') + 13)}@${version}`)),
  )
  for (const { name, hashes, licenses } of bill.components) {
    t.match(hashes, [{ alg: 'SHA-512', content: /^[\da-f]{128}$/ }], name)
    t.ok(licenses?.length > 0, name)
  }
})
