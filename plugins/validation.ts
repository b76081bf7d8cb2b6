import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { FieldErrors } from '../domain/errors.ts'
import { bodyFields, fieldErrors } from '../http/field-errors.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** What the schema found wrong with the body, for routes with `attachValidation`; empty when nothing is wrong. */
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
