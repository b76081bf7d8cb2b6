import { Ajv2020 } from 'ajv/dist/2020.js'
import type { ApiDocument, Operation } from '../../http/api-document.ts'

const formats = { password: true, uri: true, 'date-time': true, int32: true, int64: true } as const

/** All operations, in the order of the document. */
export function operationsOf({ paths }: ApiDocument): Operation[] {
  return Object.values(paths).flatMap((item) => Object.values(item))
}

/** The document's schemas, compiled: each is at `api` and its `$ref`. Formats are not checked. */
export function compiled(document: ApiDocument) {
  return new Ajv2020({ strict: false, formats }).addSchema(document, 'api')
}
