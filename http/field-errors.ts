import type { FastifyRequest, FastifySchemaValidationError } from 'fastify'
import type { FieldErrors } from '../domain/errors.ts'

/** The names of the parameters of a route's query, in the order in which its schema has them. */
export function queryFields(request: FastifyRequest): string[] {
  return Object.keys((request.routeOptions.schema?.querystring as { properties?: object } | undefined)?.properties ?? {})
}

/** The names of a route's body fields, in the order in which its schema has them. */
export function bodyFields(request: FastifyRequest): string[] {
  const schema = request.routeOptions.schema?.body as { $ref?: string; properties?: object } | undefined
  const resolved = schema?.$ref ? (request.server.getSchema(schema.$ref.replace('#', '')) as typeof schema) : schema
  return Object.keys(resolved?.properties ?? {})
}

/**
 * Ajv's errors in the words of Django REST framework, by field, in the order of `fields`.
 *
 * @param fields see {@link bodyFields}
 */
export function fieldErrors(errors: readonly FastifySchemaValidationError[], fields: readonly string[]): FieldErrors {
  const [first] = errors
  if (first?.keyword === 'type' && first.instancePath === '') return { non_field_errors: [notAnObject(dataOf(first))] }
  const messages = fields.map((field): [string, string[]] => [
    field,
    errors.filter((error) => fieldOf(error) === field).flatMap(({ keyword, params, ...error }) => wording(keyword, params, dataOf(error))),
  ])
  return Object.fromEntries(messages.filter(([, texts]) => texts.length > 0))
}

function fieldOf({ keyword, params, instancePath }: FastifySchemaValidationError): unknown {
  return keyword === 'required' ? params.missingProperty : instancePath.slice(1)
}

/** The value that is wrong: Ajv's option `verbose` puts it on the error. */
function dataOf(error: object): unknown {
  return (error as { data?: unknown }).data
}

function wording(keyword: string, params: Record<string, unknown>, data: unknown): string {
  switch (keyword) {
    case 'required':
      return 'This field is required.'
    case 'type':
      return data === null ? 'This field may not be null.' : wrongType(params.type)
    case 'minLength':
      return 'This field may not be blank.'
    case 'minimum':
      return `Ensure this value is greater than or equal to ${params.limit}.`
    case 'maximum':
      return `Ensure this value is less than or equal to ${params.limit}.`
    case 'maxLength':
      return `Ensure this field has no more than ${params.limit} characters.`
    default:
      return params.message as string
  }
}

function wrongType(type: unknown): string {
  if (type === 'integer') return 'A valid integer is required.'
  return type === 'boolean' ? 'Must be a valid boolean.' : 'Not a valid string.'
}

function notAnObject(data: unknown): string {
  return data === null ? 'No data provided' : `Invalid data. Expected a dictionary, but got ${pythonType(data)}.`
}

function pythonType(value: unknown): string {
  if (Array.isArray(value)) return 'list'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float'
  return typeof value === 'boolean' ? 'bool' : 'str'
}
