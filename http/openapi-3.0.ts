import type { ApiDocument, Media, Schema } from './api-document.ts'

// The same document for tools that know no OpenAPI 3.1. The two differ in little that ours uses; a keyword that it does not use yet is
// refused until somebody has seen to it, so that the document never says less than it seems to.

type Json = Record<string, unknown>

/** The keywords that our schemas use, each of which 3.0 has, too, or has another for. A schema with any other one is refused. */
const KNOWN = new Set([
  ...['$ref', 'type', 'format', 'description', 'examples', 'minimum', 'maximum', 'minLength', 'maxLength', 'default'],
  ...['properties', 'required', 'additionalProperties', 'items'],
])

/**
 * The document in OpenAPI 3.0.3.
 *
 * @throws {Error} when a schema says what 3.0 cannot say, or has a keyword that is not known here
 */
export function inOpenApi30(document: ApiDocument): ApiDocument {
  const { info, components } = document
  const { license, ...about } = info
  const { name, identifier } = license as { name: string; identifier: string }
  return {
    ...(everywhere(document) as ApiDocument),
    openapi: '3.0.3',
    info: { ...about, license: { name, url: `https://spdx.org/licenses/${identifier}.html` } },
    components: { ...(everywhere(components) as Json), schemas: mapped(components.schemas, inSchema) },
  }
}

/** What is below `schema` is a schema; examples of bodies are left as they are. */
function everywhere(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(everywhere)
  if (typeof value !== 'object' || value === null) return value
  return mapped(value as Json, (member, key) => {
    if (key === 'schema') return inSchema(member as Schema)
    if (key === 'content') return withPlainJson(everywhere(member) as Record<string, Media>)
    return key === 'example' || key === 'examples' ? member : everywhere(member)
  })
}

/** Some of those tools make a type of `application/json` alone, and hand out all else as bytes: it stands beside the real one. */
function withPlainJson(content: Record<string, Media>): Record<string, Media> {
  const { 'application/problem+json': problem } = content
  return problem ? { ...content, 'application/json': { schema: problem.schema } } : content
}

function inSchema(schema: Schema): Schema {
  const { examples, properties, items, additionalProperties, type, ...rest } = schema
  if (isRefused(schema)) throw new Error(`OpenAPI 3.0 cannot say ${JSON.stringify(schema)}`)
  return {
    ...(isNullable(type) ? { type: type[0], nullable: true } : type !== undefined && { type }),
    ...rest,
    ...(Array.isArray(examples) && { example: examples[0] }),
    ...(properties && { properties: mapped(properties, inSchema) }),
    ...(items && { items: inSchema(items) }),
    ...(additionalProperties !== undefined && {
      additionalProperties: typeof additionalProperties === 'object' ? inSchema(additionalProperties as Schema) : additionalProperties,
    }),
  }
}

function isRefused(schema: Schema): boolean {
  const { type, $ref } = schema
  const hasSiblings = $ref !== undefined && Object.keys(schema).length > 1
  return (
    hasSiblings ||
    (Array.isArray(type) && !isNullable(type)) ||
    type === 'null' ||
    Object.keys(schema).some((keyword) => !KNOWN.has(keyword))
  )
}

/** Of one type, or null: as `schemas/nullable.ts` says it. */
function isNullable(type: unknown): type is [string, 'null'] {
  return Array.isArray(type) && type.length === 2 && typeof type[0] === 'string' && type[1] === 'null'
}

function mapped<T, R>(record: Record<string, T>, map: (member: T, key: string) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(record).map(([key, member]) => [key, map(member, key)]))
}
