import { type Static, type TSchema, Type } from '@sinclair/typebox'

/** A reference to a schema by its name, so that it is a named component of the API document. Its type is that of the schema. */
export function ref<T extends TSchema>(schema: T) {
  return Type.Unsafe<Static<T>>(Type.Ref(schema.$id as string))
}

/** The body of a 204. */
export const NoContent = Type.Null()
