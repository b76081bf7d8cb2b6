import { type Static, type TSchema, Type } from '@sinclair/typebox'

/** What may be null instead. Not a union, of which generators make a type of its own. */
export function nullable<T extends TSchema>(schema: T) {
  return Type.Unsafe<Static<T> | null>({ ...schema, type: [schema.type, 'null'] })
}
