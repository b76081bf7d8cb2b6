import { FormatRegistry } from '@sinclair/typebox'
import { isDatabaseUrl } from './db/open.ts'
import { rangeOf } from './domain/address.ts'
import { parseInstant } from './domain/clock.ts'
import { algorithmOfPublicKey } from './domain/tokens/algorithms.ts'

// The formats that the schemas of settings name.

FormatRegistry.Set('origin', isOrigin)
FormatRegistry.Set('public-url', isPublicUrl)
FormatRegistry.Set('claim', (value) => value === value.trim() && !/\p{C}/u.test(value))
FormatRegistry.Set('range-url', isRangeUrl)
// Not all addresses: that would let every client choose its own, and with it its limits.
FormatRegistry.Set('cidr', (value) => (rangeOf(value)?.bits ?? 0) > 0)
FormatRegistry.Set('secrets-key', (value) => /^[A-Za-z0-9+/]{43}=$/.test(value))
FormatRegistry.Set('database-url', isDatabaseUrl)
FormatRegistry.Set('instant', (value) => parseInstant(value) !== undefined)
FormatRegistry.Set('public-key', (value) => algorithmOfPublicKey(value) !== undefined)
FormatRegistry.Set('no-pem', (value) => !value.includes('-----BEGIN '))

/** Whether a text may be a URL with a user and password before an `@`, in whatever form that stands. */
export function mayHavePassword(text: string): boolean {
  return /@|%40/i.test(text.normalize('NFKC'))
}

/** It is part of other URLs and, letter by letter, the issuer: so it is written as whoever parses it would write it. */
function isPublicUrl(value: string): boolean {
  return isOriginAndPath(value) && normalForm(value) === value
}

/** Nothing is in it that could follow a path, or that a parser would drop or could not decode. */
function isOriginAndPath(value: string): boolean {
  const isPlain = /^https?:\/\/[^/?#@\\\s\p{C}][^?#@\\\s\p{C}]*$/u.test(value) && !value.endsWith('/')
  return isPlain && URL.canParse(value) && isDecodable(value)
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

/** As browsers and verifiers write a URL: without dots in its path and the port of its scheme, in ASCII, the host in small letters. */
function normalForm(url: string): string {
  return new URL(url).href.replace(/\/+$/, '')
}

/** Of what would be a public URL if it were in its normal form, what that is. */
export function faultOfPublicUrl(url: string): string | undefined {
  return isOriginAndPath(url) && !mayHavePassword(url) ? `its normal form is ${normalForm(url)}, got ${JSON.stringify(url)}` : undefined
}

/** The digits of a hash are appended to it, and it may be logged: so it has no query, no fragment and no credentials. */
function isRangeUrl(value: string): boolean {
  return URL.canParse(value) && /^https?:\/\/[^?#@\s]+$/.test(value)
}

/** As browsers send it: of web pages, of web views with a scheme of their own, or `null`. */
function isOrigin(value: string): boolean {
  return value === 'null' || isHttpOrigin(value) || /^(?!https?:)[a-z][a-z\d+.-]*:\/\/[\w.-]*(:\d{1,5})?$/.test(value)
}

function isHttpOrigin(value: string): boolean {
  return isPublicUrl(value) && new URL(value).origin === value && !value.includes('*')
}
