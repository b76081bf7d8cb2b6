import type { Ajv, FuncKeywordDefinition } from 'ajv'
import type { FastifyRequest, FastifySchemaValidationError } from 'fastify'
import fp from 'fastify-plugin'
import type { FieldErrors } from '../domain/errors.ts'
import { strip } from '../domain/text.ts'

/** Every error of a body is told, and nothing is made to fit. */
export const ajvOptions = {
  customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, allErrors: true, verbose: true } as const,
  plugins: [addKeywords],
}

declare module 'fastify' {
  interface FastifyRequest {
    /** What the schema found wrong with the body; for routes that attach it instead of refusing at once. */
    shapeErrors(): FieldErrors
  }
}

export default fp(
  async (app) => {
    app.decorateRequest('shapeErrors', function shapeErrors(this: FastifyRequest) {
      return this.validationError ? fieldErrors(this.validationError.validation ?? [], bodyFields(this)) : {}
    })
  },
  { name: 'validation' },
)

/** For routes that read their body by `http/loose-body.ts`: the schema documents it, and refuses nothing. */
export const anyBody = () => () => true

/** The names of a route's body fields, in the order they are documented. */
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

/** Ajv is verbose: its errors carry the value. */
function dataOf(error: object): unknown {
  return (error as { data?: unknown }).data
}

function wording(keyword: string, params: Record<string, unknown>, data: unknown): string {
  switch (keyword) {
    case 'required':
      return 'This field is required.'
    case 'type':
      return data === null ? 'This field may not be null.' : 'Not a valid string.'
    case 'minLength':
      return 'This field may not be blank.'
    case 'maxLength':
      return `Ensure this field has no more than ${params.limit} characters.`
    default:
      return params.message as string
  }
}

function notAnObject(data: unknown): string {
  return data === null ? 'No data provided' : `Invalid data. Expected a dictionary, but got ${pythonType(data)}.`
}

function pythonType(value: unknown): string {
  if (Array.isArray(value)) return 'list'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float'
  return typeof value === 'boolean' ? 'bool' : 'str'
}

/**
 * `x-strip`: the text loses surrounding white space, before anything else is checked.
 * `x-characters`: NUL and lone surrogates are refused (`text`), other control characters too (`name`).
 */
function addKeywords(ajv: Ajv): Ajv {
  return ajv
    .addKeyword({
      keyword: 'x-strip',
      type: 'string',
      schemaType: 'boolean',
      before: 'maxLength',
      modifying: true,
      validate: (
        _schema: boolean,
        text: string,
        _parent: unknown,
        at?: { parentData: Record<string, unknown>; parentDataProperty: string | number },
      ) => {
        if (at) at.parentData[at.parentDataProperty] = strip(text)
        return true
      },
    })
    .addKeyword({ keyword: 'x-characters', type: 'string', schemaType: 'string', errors: true, validate: checkCharacters })
}

const checkCharacters: NonNullable<FuncKeywordDefinition['validate']> = (allowed: 'text' | 'name', text: string) => {
  const faults = characterFaults(text, allowed)
  checkCharacters.errors = faults.map((message) => ({ keyword: 'x-characters', params: { message }, message }))
  return faults.length === 0
}

function characterFaults(text: string, allowed: 'text' | 'name'): string[] {
  const faults: string[] = []
  if (text.includes('\0')) faults.push('Null characters are not allowed.')
  if (allowed === 'name' && /[^\P{Cc}\0]/u.test(text)) faults.push('Control characters are not allowed.')
  const surrogate = /\p{Surrogate}/u.exec(text)
  if (surrogate) faults.push(`Surrogate characters are not allowed: U+${surrogate[0].charCodeAt(0).toString(16).toUpperCase()}.`)
  return faults
}
