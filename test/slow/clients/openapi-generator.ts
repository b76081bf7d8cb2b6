import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Command, cache, type Generator, type Registry } from './matrix.ts'

// OpenAPI Generator, which makes clients in many languages: what the generators of this kind share.

/** The newest stable on Maven Central. */
export const VERSION = '7.25.0'

const ARTIFACT = `org.openapitools:openapi-generator-cli:${VERSION}`
const COPY_PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.11.0'
const JAR = join(cache, `openapi-generator-cli-${VERSION}.jar`)

/** Java 11 or newer runs the generator, and Maven brings it. Both print their version on one line of several. */
export const needs: NonNullable<Generator['needs']> = [
  { command: ['java', '-version'], prints: /version "(1[1-9]|[2-9]\d)\b/ },
  { command: ['mvn', '-version'], prints: /Apache Maven [3-9]\./ },
]

/** Asks Maven Central, past what Maven has kept of it, for something else than the generator: a wrong version of that is no silence. */
export const registry: Registry = {
  name: 'Maven Central',
  ask: mvn(`${COPY_PLUGIN}:get`, '-Dartifact=junit:junit:4.13.2:pom', '-Dtransitive=false', '-Dmaven.repo.local=asked'),
}

/** Puts the generator into the cache, where it is not there yet: Maven takes seconds to see that. A wrong checksum is an error. */
export const install: readonly Command[] = existsSync(JAR)
  ? []
  : [mvn('--strict-checksums', `${COPY_PLUGIN}:copy`, `-Dartifact=${ARTIFACT}:jar`, `-DoutputDirectory=${cache}`)]

/** What a client needs no more than its code: tests and pages of it are left out. */
const ONLY_CODE = 'apiTests=false,modelTests=false,apiDocs=false,modelDocs=false'

/**
 * Makes a client.
 *
 * @param generator as `-g` takes it: `python`, `java`
 * @param out the folder that the client is written to
 * @param properties of the generator, which `config-help -g GENERATOR` lists
 * @param more of the command line
 */
export function generate(
  generator: string,
  document: string,
  out: string,
  properties: Readonly<Record<string, string | boolean>> = {},
  more: readonly string[] = [],
): Command {
  const options = Object.entries(properties).map(([name, value]) => `--additional-properties=${name}=${value}`)
  return [
    'java',
    '-jar',
    JAR,
    'generate',
    '-g',
    generator,
    '-i',
    document,
    '-o',
    out,
    `--global-property=${ONLY_CODE}`,
    ...options,
    ...more,
  ]
}

/** Maven, as it is run in all suites: it says what went wrong, and nothing else. */
export function mvn(...parameters: string[]): Command {
  return ['mvn', '--quiet', '--batch-mode', ...parameters]
}
