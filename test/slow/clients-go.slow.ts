import t from 'tap'
import { type Command, type Generator, testGenerator } from './clients/matrix.ts'

// The generator is a tool of the tour's own module, so that go.sum pins it together with what its clients import.

/** What both have in common. Modules and builds are kept in the caches of `go` itself. */
const inGo = (name: string, module: string, version: string, atLeast: RegExp) => {
  const ask: Command = ['go', 'list', '-m', '-versions', module]
  return {
    language: 'Go',
    name,
    version,
    registry: { name: 'The proxy of Go modules', ask },
    needs: [{ command: ['go', 'version'], prints: atLeast }],
    install: [['go', 'mod', 'download']],
    compile: [
      ['go', 'vet', './...'],
      ['go', 'build', '-o', 'tour', '.'],
    ],
    tour: ['./tour'],
    // Without it, what is compiled is kept by the path of its folder, which is another in each run.
    env: { GOFLAGS: '-trimpath' },
  } satisfies Partial<Generator>
}

await testGenerator(t, {
  ...inGo('oapi-codegen', 'github.com/oapi-codegen/oapi-codegen/v2', '2.8.2', /go1\.(2[6-9]|[3-9]\d)/),
  document: '3.1',
  generate: [['go', 'tool', 'oapi-codegen', '-config', 'oapi-codegen.yml', 'openapi.json']],
})

await testGenerator(t, {
  ...inGo('ogen', 'github.com/ogen-go/ogen', '1.24.0', /go1\.(2[5-9]|[3-9]\d)/),
  document: '3.1',
  generate: [['go', 'tool', 'ogen', '-config', 'ogen.yml', '-target', 'api', '-clean', 'openapi.json']],
})
