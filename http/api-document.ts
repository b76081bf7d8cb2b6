import { STATUS_CODES } from 'node:http'
import { type ProblemCode, problems } from '../domain/errors.ts'
import { commonProblems, type ProblemExample } from '../schemas/problems.ts'

// What @fastify/swagger makes of the routes' schemas, completed: examples, error answers, headers, who may call.

/** The error answers of an operation, beside those that every operation can give. */
export interface OperationProblems {
  /** What they look like, where that is not as in `commonProblems`. */
  readonly examples?: readonly ProblemExample[]
  /** Whether its own have the member `message`: those that hooks throw (`throttled`, `cross_site`) get it, too. */
  readonly hasMessage?: true
  readonly codes: readonly ProblemCode[]
}

/** What a route's schema says of its answers, as @fastify/swagger passes it on; {@link completeDocument} takes it out again. */
export interface OperationNotes {
  readonly 'x-problems'?: OperationProblems
  readonly 'x-cache-control'?: string
}

type Json = Record<string, unknown>
export type Schema = Json & { $ref?: string; type?: string; items?: Schema; properties?: Record<string, Schema>; required?: string[] }
type Examples = Record<string, { summary: string; value: unknown }>
export interface Media {
  schema: Schema
  example?: unknown
  examples?: Examples
}
export interface Answer {
  description: string
  headers: Json
  /** Undefined for a 204, which has no body. */
  content?: Record<string, Media>
}
export interface Operation extends OperationNotes {
  operationId: string
  parameters?: unknown[]
  security?: Record<string, string[]>[]
  requestBody?: { required: boolean; content: Record<string, Media> }
  responses: Record<string, Answer>
}
export interface ApiDocument {
  openapi: string
  info: Json
  components: { schemas: Record<string, Schema>; [kind: string]: Json }
  paths: Record<string, Record<string, Operation>>
}

/** What any request can be answered with, whatever its path. */
const always: ProblemCode[] = ['bad_request', 'request_timeout', 'headers_too_large', 'internal_error', 'stopping']
/** What a request with a body can be answered with, too. */
const withBody: ProblemCode[] = ['parse_error', 'payload_too_large', 'unsupported_media_type']

/** The codes as a table, for the description of the document. */
export const codeTable = [
  '| code | status | when |',
  '|---|---|---|',
  ...Object.entries(problems).map(([code, { statuses, when }]) => `| \`${code}\` | ${statuses.join(', ')} | ${when} |`),
].join('\n')

/** Completes the document, in an order that does not depend on how the routes were loaded. */
export function completeDocument({ openapiObject }: { openapiObject: ApiDocument }): ApiDocument {
  const { components, paths, ...document } = openapiObject
  const schemas = sorted(clean(components.schemas) as Record<string, Schema>)
  const completed: ApiDocument['paths'] = {}
  for (const [path, operations] of Object.entries(sorted(paths))) {
    completed[path] = {}
    for (const [method, operation] of Object.entries(operations)) completed[path][method] = complete(operation, schemas)
  }
  return { ...document, paths: completed, components: { ...components, schemas: sorted(schemas) } }
}

function complete(operation: Operation, schemas: Record<string, Schema>): Operation {
  const { 'x-problems': own, 'x-cache-control': cacheControl, requestBody, responses, parameters, ...rest } = operation
  if (own === undefined) throw new Error(`${rest.operationId} says nothing of its error answers`)
  const codes = [...own.codes, ...(requestBody ? withBody : []), ...always]
  return {
    ...rest,
    // Said of every operation: without it a generator takes an operation for one that may need authentication.
    security: rest.security ?? [],
    ...(parameters && { parameters: clean(parameters) as unknown[] }),
    ...(requestBody && { requestBody: bodyOf(requestBody, schemas) }),
    responses: { ...successes(responses, schemas, cacheControl), ...failures(own, codes) },
  }
}

/**
 * JSON alone, though forms are read, too: of two media types some generators make two functions, and others none. It is optional when
 * none of its members is required.
 */
function bodyOf({ content }: NonNullable<Operation['requestBody']>, schemas: Record<string, Schema>) {
  const media = withExample(content['application/json'] as Media, schemas)
  const required = (resolve(media.schema, schemas).required ?? []).length > 0
  return { required, content: { 'application/json': media } }
}

function successes(responses: Operation['responses'], schemas: Record<string, Schema>, cacheControl = 'no-store') {
  const headers = { 'X-Request-Id': header('RequestId'), 'Cache-Control': cacheHeader(cacheControl) }
  const answers = Object.entries(responses).map(([status, { content }]) => {
    if (content === undefined) return [status, { description: STATUS_CODES[status] as string, headers }] as const
    const media = withExample(content['application/json'] as Media, schemas)
    return [status, { description: STATUS_CODES[status] as string, headers, content: { 'application/json': media } }] as const
  })
  return Object.fromEntries<Answer>(answers)
}

/**
 * The headers of every error answer, also those that come with some statuses alone: generators make a type of an answer and its headers,
 * and where these differ, a type for each operation, with the name of another one.
 */
const problemHeaders = {
  'X-Request-Id': header('RequestId'),
  'Cache-Control': header('NoStore'),
  'WWW-Authenticate': header('Challenge'),
  'Retry-After': header('RetryAfter'),
  'Accept-Encoding': header('AcceptEncoding'),
}

/** The error answers by status, with one example for each code. */
function failures(own: OperationProblems, codes: ProblemCode[]): Operation['responses'] {
  const byStatus: Record<number, ProblemCode[]> = {}
  for (const code of codes) for (const status of statusesOf(code, own)) byStatus[status] = [...(byStatus[status] ?? []), code]
  const answers = Object.entries(byStatus).map(([status, given]) => {
    const examples: Examples = {}
    for (const code of given) examples[code] = { summary: problems[code].when, value: problemExample(own, code, Number(status)) }
    const description = given.map((code) => `\`${code}\`: ${problems[code].when}`).join('; ')
    return [
      status,
      { description, headers: problemHeaders, content: { 'application/problem+json': { schema: reference('Problem'), examples } } },
    ] as const
  })
  return Object.fromEntries<Answer>(answers)
}

/** The first status of a code, and of the others those that the operation has an example of. */
function statusesOf(code: ProblemCode, { examples = [] }: OperationProblems): number[] {
  return problems[code].statuses.filter(
    (status, index) => index === 0 || examples.some((one) => one.code === code && one.status === status),
  )
}

function problemExample({ examples = [] }: OperationProblems, code: ProblemCode, status: number): unknown {
  const all = [...examples, ...commonProblems]
  const { detail, ...members } = all.find((example) => example.code === code && (example.status ?? status) === status) ?? {}
  return { title: STATUS_CODES[status], status, detail, code, ...members }
}

function withExample({ schema }: Media, schemas: Record<string, Schema>): Media {
  const { type, items = {}, ...rest } = resolve(schema, schemas)
  return { schema, example: type === 'array' ? [exampleOf(resolve(items, schemas))] : exampleOf(rest) }
}

/** The example of an object: its members' first examples. */
function exampleOf({ properties = {} }: Schema): Json {
  return Object.fromEntries(Object.entries(properties).map(([name, { examples }]) => [name, (examples as unknown[] | undefined)?.[0]]))
}

function resolve(schema: Schema, schemas: Record<string, Schema>): Schema {
  return schema.$ref ? (schemas[schema.$ref.replace('#/components/schemas/', '')] as Schema) : schema
}

const reference = (name: string) => ({ $ref: `#/components/schemas/${name}` })
const cacheHeader = (example: string) =>
  example === 'no-store' ? header('NoStore') : { required: true, schema: { type: 'string' }, example }

function header(name: string) {
  return { $ref: `#/components/headers/${name}` }
}

/** A schema without the keywords of our own validator, which begin with `x-`. */
function clean(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (key, member) => (key.startsWith('x-') ? undefined : member))
}

function sorted<T>(record: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)))
}
