import type { Ajv, FuncKeywordDefinition } from 'ajv'
import { type Characters, characterFaults } from '../domain/characters.ts'
import { composed } from '../domain/names.ts'
import { strip } from '../domain/text.ts'

/** Ajv reports every error of a body and changes no value. Fastify's defaults stop at the first, turn 1 into "1" and drop members. */
export const ajvOptions = {
  customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, allErrors: true, verbose: true } as const,
  plugins: [addKeywords],
}

/**
 * Our own keywords. `x-strip` removes surrounding white space, and `x-compose` brings a name into NFC, before anything else is checked.
 * `x-characters` refuses NUL and lone surrogates (`text`); these and all other control characters (`name`); or these, characters that turn
 * the direction of writing, and what has nothing that can be seen (`new-name`).
 */
function addKeywords(ajv: Ajv): Ajv {
  return ajv
    .addKeyword({
      keyword: 'x-strip',
      type: 'string',
      schemaType: 'boolean',
      before: 'maxLength',
      modifying: true,
      validate: (_schema: boolean, text: string, _parent: unknown, at?: Place) => change(at, strip(text)),
    })
    .addKeyword({
      keyword: 'x-compose',
      type: 'string',
      schemaType: 'boolean',
      before: 'maxLength',
      modifying: true,
      validate: (_schema: boolean, text: string, _parent: unknown, at?: Place) => change(at, composed(text)),
    })
    .addKeyword({ keyword: 'x-characters', type: 'string', schemaType: 'string', errors: true, validate: checkCharacters })
}

/** Where the value stands in the body. */
interface Place {
  readonly parentData: Record<string, unknown>
  readonly parentDataProperty: string | number
}

function change(at: Place | undefined, text: string): true {
  if (at) at.parentData[at.parentDataProperty] = text
  return true
}

const checkCharacters: NonNullable<FuncKeywordDefinition['validate']> = (allowed: Characters, text: string) => {
  const faults = characterFaults(text, allowed)
  checkCharacters.errors = faults.map((message) => ({ keyword: 'x-characters', params: { message }, message }))
  return faults.length === 0
}
