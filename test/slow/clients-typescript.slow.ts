import { execPath } from 'node:process'
import t from 'tap'
import { type Command, testGenerator } from './clients/matrix.ts'

// Each generator is an npm package of its own, with its own lock file: they want other versions of TypeScript than the project.
const install: readonly Command[] = [['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund']]
const compile: readonly Command[] = [[execPath, 'node_modules/typescript/bin/tsc', '-p', '.']]
// npm waits ten seconds and then a minute before it asks a registry again: where there is none, that is minutes.
const env = { npm_config_fetch_retry_mintimeout: '1000', npm_config_fetch_retry_maxtimeout: '2000' }
const tour: Command = [execPath, 'out/tour.js']

t.test('TypeScript', async (t) => {
  await testGenerator(t, {
    language: 'TypeScript',
    name: 'hey-api',
    version: '0.99.0',
    document: '3.1',
    registry: { name: 'the npm registry', ask: ['npm', 'view', '@hey-api/openapi-ts', 'name'] },
    install,
    generate: [[execPath, 'node_modules/@hey-api/openapi-ts/bin/run.js', '-i', 'openapi.json', '-o', 'client', '--no-log-file']],
    compile,
    tour,
    env,
  })

  await testGenerator(t, {
    language: 'TypeScript',
    name: 'openapi-typescript',
    version: '7.13.0',
    document: '3.1',
    registry: { name: 'the npm registry', ask: ['npm', 'view', 'openapi-typescript', 'name'] },
    install,
    generate: [[execPath, 'node_modules/openapi-typescript/bin/cli.js', 'openapi.json', '-o', 'schema.d.ts']],
    compile,
    tour,
    env,
  })
})
