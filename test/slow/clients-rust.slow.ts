import { join } from 'node:path'
import t from 'tap'
import { type Command, cache, type Generator, testGenerator } from './clients/matrix.ts'
import * as openapiGenerator from './clients/openapi-generator.ts'

// Cargo.lock pins what the clients need. Dependencies are compiled once: later runs compile the client and the tour alone.

const cargo = { command: ['cargo', '--version'], prints: /cargo 1\.(8[89]|9\d|\d{3})\./ } as const
const ask = (crate: string): Command => ['cargo', 'info', '--registry', 'crates-io', crate]

const inRust = {
  language: 'Rust',
  compile: [['cargo', 'build', '--locked']],
  tour: ['cargo', 'run', '--locked', '--quiet'],
  env: { CARGO_TARGET_DIR: join(cache, 'rust') },
} satisfies Partial<Generator>

await testGenerator(t, {
  ...inRust,
  name: 'progenitor',
  version: '0.15.1',
  document: '3.0',
  registry: { name: 'crates.io', ask: ask('progenitor') },
  needs: [cargo],
  install: [['cargo', 'fetch', '--locked']],
  // A macro of the library is the generator.
  generate: [['cargo', 'build', '--locked', '--lib']],
})

await testGenerator(t, {
  ...inRust,
  name: 'openapi-generator',
  version: openapiGenerator.VERSION,
  document: '3.1',
  registry: openapiGenerator.registry,
  // What Cargo.lock has besides can be fetched only when the client is there.
  needs: [...openapiGenerator.needs, cargo, { command: ask('reqwest-middleware'), prints: /^version: /m }],
  install: openapiGenerator.install,
  generate: [
    openapiGenerator.generate('rust', 'openapi.json', 'client', {
      packageName: 'latchkey',
      packageVersion: '0.1.0',
      // Without, nothing shows the headers of an answer, `Retry-After` among them.
      supportMiddleware: true,
    }),
  ],
})
