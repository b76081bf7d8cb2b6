import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import t from 'tap'
import { type Command, cache, type Generator, type Registry, testGenerator } from './clients/matrix.ts'
import * as openapiGenerator from './clients/openapi-generator.ts'

const needs: NonNullable<Generator['needs']> = [
  { command: ['python3', '--version'], prints: /^Python 3\.(1[1-9]|[2-9]\d)\./ },
  // What a virtual environment is made with; Debian has it in a package of its own.
  { command: ['python3', '-m', 'ensurepip', '--version'], prints: /^pip \d/ },
]

/** Asks for a small package, past what `pip` has kept. */
const pypi: Registry = {
  name: 'PyPI',
  ask: ['python3', '-m', 'pip', 'download', '--quiet', '--no-cache-dir', '--no-deps', '--dest', 'asked', 'typing-extensions'],
}

const python = spawnSync('python3', ['--version'], { encoding: 'utf8' }).stdout ?? ''

/** The virtual environment of a generator's folder, which is kept until its requirements or Python change, and how it is made. */
function environment(name: string): { path: string; install: readonly Command[] } {
  const requirements = readFileSync(join(import.meta.dirname, 'clients/python', name, 'requirements.txt'))
  const path = join(cache, `python-${createHash('sha256').update(python).update(requirements).digest('hex').slice(0, 16)}`)
  const complete = join(path, 'requirements.txt')
  if (existsSync(complete)) return { path, install: [] }
  const pip = [join(path, 'bin/pip'), 'install', '--quiet', '--require-hashes', '--requirement', 'requirements.txt'] as const
  return { path, install: [['python3', '-m', 'venv', '--clear', path], pip, ['cp', 'requirements.txt', complete]] }
}

/** What a shell sees in which a virtual environment is activated, with the generated package on the path of Python and of mypy. */
function activated(path: string, client: string): Record<string, string> {
  return {
    PATH: `${join(path, 'bin')}${delimiter}${process.env.PATH}`,
    PYTHONPATH: client,
    MYPYPATH: client,
    MYPY_CACHE_DIR: join(path, 'mypy'),
  }
}

const openapiPythonClient = environment('openapi-python-client')

await testGenerator(t, {
  language: 'Python',
  name: 'openapi-python-client',
  version: '0.29.1',
  document: '3.1',
  needs,
  registry: pypi,
  install: openapiPythonClient.install,
  generate: [['openapi-python-client', 'generate', '--path', 'openapi.json', '--fail-on-warning']],
  compile: [['mypy', '--strict', 'latchkey-client/latchkey_client', 'tour.py']],
  tour: ['python3', 'tour.py'],
  env: activated(openapiPythonClient.path, 'latchkey-client'),
})

const pydantic = environment('openapi-generator')

await testGenerator(t, {
  language: 'Python',
  name: 'openapi-generator',
  version: openapiGenerator.VERSION,
  document: '3.1',
  needs: [...needs, ...openapiGenerator.needs],
  registry: [openapiGenerator.registry, pypi],
  install: [...openapiGenerator.install, ...pydantic.install],
  generate: [openapiGenerator.generate('python', 'openapi.json', 'client', { packageName: 'latchkey_client' })],
  compile: [
    // As strictly as the generator says in the package that it makes; the tour itself with everything.
    ['mypy', '--config-file', 'client/pyproject.toml', '--cache-dir', join(pydantic.path, 'mypy-client'), '--package', 'latchkey_client'],
    ['mypy', '--strict', '--follow-imports=silent', 'tour.py'],
  ],
  tour: ['python3', 'tour.py'],
  env: activated(pydantic.path, 'client'),
})
