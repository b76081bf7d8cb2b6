import { delimiter, join } from 'node:path'
import t from 'tap'
import { testGenerator } from './clients/matrix.ts'
import * as openapiGenerator from './clients/openapi-generator.ts'
import { environment, needs, pypi } from './python.ts'

const requirementsOf = (name: string) => environment(join(import.meta.dirname, 'clients/python', name))

/** What a shell sees in which a virtual environment is activated, with the generated package on the path of Python and of mypy. */
function activated(path: string, client: string): Record<string, string> {
  return {
    PATH: `${join(path, 'bin')}${delimiter}${process.env.PATH}`,
    PYTHONPATH: client,
    MYPYPATH: client,
    MYPY_CACHE_DIR: join(path, 'mypy'),
  }
}

const openapiPythonClient = requirementsOf('openapi-python-client')

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

const pydantic = requirementsOf('openapi-generator')

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
