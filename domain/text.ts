/** The white space of Python's `str.isspace`, which is not quite JavaScript's: 1C to 1F and 85 are, FEFF is not. */
export const WHITE_SPACE =
  '\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000'
const WHITE_SPACES = new Set(WHITE_SPACE)

/** The text without surrounding white space, as Python's `str.strip` leaves it. In linear time, which a regular expression is not. */
export function strip(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && WHITE_SPACES.has(text[start] as string)) start++
  while (end > start && WHITE_SPACES.has(text[end - 1] as string)) end--
  return text.slice(start, end)
}

/**
 * The form that texts share when they differ only by case, by compatibility form or by characters that are not seen: Unicode's
 * NFKC_Casefold (The Unicode Standard, §3.13.3, and DerivedNormalizationProps), which leaves out Default_Ignorable_Code_Point. Of
 * Cherokee letters the small ones stand for both, where Unicode takes the large.
 */
export function fold(text: string): string {
  if (/^[\0-\x7f]*$/.test(text)) return text.toLowerCase()
  const once = foldCase(text.replace(IGNORABLE, '').normalize('NFD')).normalize('NFKC')
  return foldCase(once).normalize('NFKC')
}

const IGNORABLE = /\p{Default_Ignorable_Code_Point}/gu

/**
 * Full case folding (Unicode's CaseFolding, C and F), which JavaScript does not have. A character at a time, for the lower case of a sigma
 * depends on its place; lower, upper, lower, because the capital sharp s becomes `ss` only by way of its lower case. The dotless i
 * folds to itself.
 */
function foldCase(text: string): string {
  return text.replace(/[^\u0131]/gu, (character) => character.toLowerCase().toUpperCase().toLowerCase())
}

/** Length in Unicode code points. */
export function codePoints(text: string): number {
  let length = 0
  for (const _ of text) length++
  return length
}

/** The longest beginning of a text that takes at most `limit` bytes in UTF-8 and ends with a whole character. */
export function cut(text: string, limit: number): string {
  return text.slice(0, new TextEncoder().encodeInto(text, new Uint8Array(limit)).read)
}

/** The text with its control and format characters escaped as in JSON, so that it cannot control a terminal. */
export function harmless(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  )
}

const EXCERPT_LENGTH = 32

/** What was typed, for a message to whoever typed it: harmless, and cut after 32 characters, for it may be a token in a wrong place. */
export function excerpt(text: string): string {
  const characters = [...text.slice(0, 2 * EXCERPT_LENGTH + 1)]
  const isLong = characters.length > EXCERPT_LENGTH
  return harmless(characters.slice(0, EXCERPT_LENGTH).join('')) + (isLong ? '…' : '')
}

/** Whether PostgreSQL and SQLite both keep the text as it is: no NUL, no lone surrogate. */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}

/** Whether Python takes the value for false: the original API checks some members with `if not value`. */
export function isFalsy(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return !value
  return Object.keys(value).length === 0
}
