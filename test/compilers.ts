import { createRequire } from 'node:module'
import type { FastifyServerOptions } from 'fastify'

type Compilers = Required<NonNullable<NonNullable<FastifyServerOptions['schemaController']>['compilersFactory']>>

/** Those that Fastify uses when it is given none. */
const require = createRequire(import.meta.resolve('fastify'))
const fastifys: Compilers = {
  buildValidator: require('@fastify/ajv-compiler')(),
  buildSerializer: require('@fastify/fast-json-stringify-compiler')(),
}

/**
 * Compilers of schemas that all apps of a process share: the same schema, among the same others, is compiled once. An app spends most of
 * its start on that.
 */
export const sharedCompilers: Compilers = {
  buildValidator: shared(fastifys.buildValidator),
  buildSerializer: shared(fastifys.buildSerializer),
}

/** A maker of compilers whose compilers remember what they, or one made of the same schemas and options, have compiled. */
function shared<Build extends (schemas: never, options: never) => (route: never) => unknown>(build: Build): Build {
  const compiled = new Map<string, unknown>()
  const buildShared = (schemas: never, options: never) => {
    const made = JSON.stringify([schemas, options])
    const compile = build(schemas, options)
    return (route: { schema: unknown }) => {
      const key = made + JSON.stringify(route.schema)
      if (!compiled.has(key)) compiled.set(key, compile(route as never))
      return compiled.get(key)
    }
  }
  return buildShared as unknown as Build
}
