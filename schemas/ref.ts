import { type Static, type TSchema, Type } from '@sinclair/typebox'

/** A schema by its name, so that the API document names it too; typed as the schema itself. */
export function ref<T extends TSchema>(schema: T) {
  return Type.Unsafe<Static<T>>(Type.Ref(schema.$id as string))
}

/** The body of a 204. */
export const NoContent = Type.Null()
