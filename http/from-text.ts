import type { FastifyRequest } from 'fastify'
import { notFound } from '../domain/errors.ts'

interface Members {
  readonly properties?: Readonly<Record<string, { readonly type?: unknown }>>
}

/** Behind the name of a parameter of a path that is an id: digits, and no 0 before them. Words are other paths. */
export const ID = '(^[1-9]\\d{0,15}$)'

const INTEGER = /^-?(0|[1-9]\d{0,15})$/

/**
 * Hook for `preValidation`: in a URL and in a form all is text. What reads as a whole number or a flag, where the schema asks for one, becomes
 * that; what does not is left to the schema to refuse. A number in a path is of something: where it is none that there can be, there is nothing.
 */
export async function readText(request: FastifyRequest): Promise<void> {
  const { querystring, params, body } = (request.routeOptions.schema ?? {}) as Record<string, Members & { $ref?: string }>
  request.query = converted(request.query, querystring)
  request.params = converted(request.params, params)
  const isForm = request.headers['content-type']?.toLowerCase().startsWith('application/x-www-form-urlencoded')
  if (isForm) request.body = converted(request.body, body?.$ref ? (request.server.getSchema(body.$ref.replace('#', '')) as Members) : body)
  const numbers = Object.entries(params?.properties ?? {}).filter(([, { type }]) => type === 'integer')
  if (numbers.some(([name]) => !Number.isSafeInteger((request.params as Record<string, unknown>)[name]))) throw notFound()
}

function converted(values: unknown, schema: Members | undefined): unknown {
  if (schema === undefined || typeof values !== 'object' || values === null) return values
  const types = schema.properties ?? {}
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, Object.hasOwn(types, name) ? read(value, types[name]?.type) : value]),
  )
}

function read(value: unknown, type: unknown): unknown {
  if (type === 'integer' && typeof value === 'string' && INTEGER.test(value)) return Number(value)
  if (type === 'boolean' && (value === 'true' || value === 'false')) return value === 'true'
  return value
}
