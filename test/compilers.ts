import { createRequire } from 'node:module'
import type { FastifyServerOptions } from 'fastify'

type Compilers = Required<NonNullable<NonNullable<FastifyServerOptions['schemaController']>['compilersFactory']>>

/** The compilers that Fastify uses by default. */
const require = createRequire(import.meta.resolve('fastify'))
const fastifys: Compilers = {
  buildValidator: require('@fastify/ajv-compiler')(),
  buildSerializer: require('@fastify/fast-json-stringify-compiler')(),
}

/**
 * Schema compilers that all apps of a process share, so that each schema is compiled once: otherwise every app would spend most of its
 * start on it.
 */
export const sharedCompilers: Compilers = {
  buildValidator: shared(fastifys.buildValidator),
  buildSerializer: shared(fastifys.buildSerializer),
}

/**
 * Wraps a factory of compilers: compilers that are made with the same schemas and options share what they have compiled. The schemas that
 * routes refer to are known by their names: all apps have the same ones, and writing them out would be a tenth of an app's start.
 */
function shared<Build extends (schemas: never, options: never) => (route: never) => unknown>(build: Build): Build {
  const compiled = new Map<string, unknown>()
  const buildShared = (schemas: never, options: never) => {
    const made = JSON.stringify([Object.keys(schemas), options])
    return (route: { schema: unknown }) => {
      const key = made + JSON.stringify(route.schema)
      if (!compiled.has(key)) compiled.set(key, build(schemas, options)(route as never))
      return compiled.get(key)
    }
  }
  return buildShared as unknown as Build
}
