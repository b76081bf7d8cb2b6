import { createHmac, createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import type { TestApp } from '../helper.ts'
import { claimsOf, headerOf, logIn, register } from '../helper.ts'

export type TokenType = 'access' | 'refresh'
export type Claims = Record<string, unknown>

/** Makes tokens with an app's own keys, valid or not. */
export interface Forge {
  /** Of the key of access tokens, as is `key`. */
  readonly kid: string
  readonly key: KeyObject
  /** The claims of a good token of a user who is logged in. */
  claims(type: TokenType): Claims
  /** The header of a good token. */
  header(type: TokenType): Claims
  /** A token of these claims, signed; its header is that of a good one unless given. */
  token(type: TokenType, claims: Claims, header?: Claims): string
  /** A signed token of texts or bytes that need not be JSON. */
  written(type: TokenType, header: string | Buffer, payload: string | Buffer): string
  /** Signs two segments with the key of a type of token. */
  sign(type: TokenType, input: string): string
}

/** Registers a user, logs in, and opens the forge. */
export async function openForge(app: TestApp, username = 'alice'): Promise<Forge> {
  await register(app, username)
  const pair = await logIn(app, username)
  const kid = headerOf(pair.access).kid as string
  const key = createPrivateKey(await privateKey(app, kid))
  const secret = await privateKey(app, headerOf(pair.refresh).kid as string)
  const sign = (type: TokenType, input: string) => (type === 'access' ? signed(input, key) : signedWithSecret(input, secret))
  const header = (type: TokenType) => headerOf(pair[type])
  const written = (type: TokenType, head: string | Buffer, payload: string | Buffer) => sign(type, `${segment(head)}.${segment(payload)}`)
  return {
    kid,
    key,
    claims: (type) => claimsOf(pair[type]),
    header,
    token: (type, claims, head = header(type)) => written(type, JSON.stringify(head), JSON.stringify(claims)),
    written,
    sign,
  }
}

/** The private part of a key of an app without `SECRETS_KEY`. */
export async function privateKey({ db }: TestApp, kid: string): Promise<string> {
  const row = await db.read.selectFrom('signing_keys').select('private_key').where('kid', '=', kid).executeTakeFirstOrThrow()
  return row.private_key as string
}

/** A text or bytes as base64url. */
export function segment(value: string | Buffer): string {
  return Buffer.from(value as string).toString('base64url')
}

/** Signs two segments as ES256 does (RFC 7518 §3.4). */
export function signed(input: string, key: KeyObject): string {
  return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

/** The same with the signature in DER, which is usual for ECDSA elsewhere and wrong in a JWT. */
export function signedInDer(input: string, key: KeyObject): string {
  return `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`
}

/** Signs two segments as HS256 does, with any text or bytes as the secret. */
export function signedWithSecret(input: string, secret: string | Buffer): string {
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}

export function strangeKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
}

/** A token with one of its three segments replaced. */
export function withSegment(token: string, index: 0 | 1 | 2, replace: (segment: string) => string): string {
  return token
    .split('.')
    .map((part, at) => (at === index ? replace(part) : part))
    .join('.')
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Another base64url text of the same bytes: an unused bit of the last character is set. */
export function withUnusedBits(text: string): string {
  if (text.length % 4 === 0) throw new Error('no unused bits')
  return `${text.slice(0, -1)}${ALPHABET[ALPHABET.indexOf(text.at(-1) as string) + 1]}`
}
