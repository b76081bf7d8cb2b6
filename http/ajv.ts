import type { Ajv, FuncKeywordDefinition } from 'ajv'
import { strip } from '../domain/text.ts'

/** Ajv reports every error of a body and changes no value. Fastify's defaults stop at the first, turn 1 into "1" and drop members. */
export const ajvOptions = {
  customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, allErrors: true, verbose: true } as const,
  plugins: [addKeywords],
}

/**
 * Our own keywords. `x-strip` removes surrounding white space, before anything else is checked. `x-characters` refuses NUL and lone
 * surrogates (`text`), or these and all other control characters (`name`).
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
