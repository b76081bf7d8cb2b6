import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type Generator, testGenerator } from './clients/matrix.ts'
import { mvn, needs, registry } from './clients/openapi-generator.ts'

// Maven makes the clients and compiles them: OpenAPI Generator is a plugin, and its options stand in each `pom.xml`.

/** What the languages share. `main` is the class of the tour. */
const maven = (language: string, main: string): Generator => ({
  language,
  name: 'openapi-generator',
  version: pluginVersion(language),
  document: '3.1',
  needs,
  registry,
  install: [mvn('--strict-checksums', 'dependency:go-offline', 'dependency:copy-dependencies')],
  generate: [mvn('generate-sources')],
  compile: [mvn('compile')],
  tour: ['java', '-cp', 'target/classes:target/dependency/*', main],
  // Maven lives a few seconds each time: the slower of Java's compilers would take longer than it saves.
  env: { MAVEN_OPTS: `${process.env.MAVEN_OPTS ?? ''} -XX:TieredStopAtLevel=1` },
})

function pluginVersion(language: string): string {
  const pom = readFileSync(join(import.meta.dirname, 'clients', language.toLowerCase(), 'openapi-generator/pom.xml'), 'utf8')
  return /<artifactId>openapi-generator-maven-plugin<.*\s*<version>(.*)</.exec(pom)?.[1] as string
}

await testGenerator(t, { ...maven('Java', 'tour.Tour'), forLater: 'disallowAdditionalPropertiesIfNotPresent=false' })
await testGenerator(t, maven('Kotlin', 'tour.TourKt'))
