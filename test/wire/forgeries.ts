import { randomBytes } from 'node:crypto'
import {
  type Claims,
  type Forge,
  segment,
  signed,
  signedInDer,
  signedWithSecret,
  strangeKey,
  type TokenType,
  withSegment,
  withUnusedBits,
} from './forge.ts'

/** A name, and what makes a token that is wrong in one way. */
export type Forgery = readonly [name: string, make: (forge: Forge, type: TokenType) => string]

/** A token with nothing wrong. */
export const good = (forge: Forge, type: TokenType) => forge.token(type, forge.claims(type))
const other = (type: TokenType): TokenType => (type === 'access' ? 'refresh' : 'access')
const withHeader =
  (change: (header: Claims) => Claims) =>
  (forge: Forge, type: TokenType): string =>
    forge.token(type, forge.claims(type), change(forge.header(type)))
const without =
  (member: string) =>
  ({ [member]: _, ...rest }: Claims): Claims =>
    rest
const withPayload =
  (payload: string | Buffer) =>
  (forge: Forge, type: TokenType): string =>
    forge.written(type, JSON.stringify(forge.header(type)), payload)
/** A token whose first two segments are altered before they are signed. */
export const withSegments = (change: (header: string, payload: string) => [string, string]) => (forge: Forge, type: TokenType) => {
  const pad = (value: unknown) => segment(JSON.stringify(value).padEnd(604, ' '))
  return forge.sign(type, change(pad(forge.header(type)), pad(forge.claims(type))).join('.'))
}
/** A token of rearranged segments, where `h`, `p` and `s` stand for the header, payload and signature of a good one. */
const cut = (segments: string) => (forge: Forge, type: TokenType) => {
  const [h, p, s] = good(forge, type).split('.')
  const own: Record<string, string | undefined> = { h, p, s }
  return segments.replace(/[hps]/g, (name) => own[name] ?? '')
}

const SIGNATURES: readonly Forgery[] = [
  ['2 segments', cut('h.p')],
  ['4 segments', cut('h.p.s.s')],
  ['5 segments', cut('h.p.s.p.s')],
  ['an empty segment after it', cut('h.p.s.')],
  ['an empty segment before it', cut('.h.p.s')],
  ['an empty signature', cut('h.p.')],
  ['an empty payload', cut('h..s')],
  ['an empty header', cut('.p.s')],
  [
    'a changed payload',
    (forge, type) => withSegment(good(forge, type), 1, () => segment(JSON.stringify({ ...forge.claims(type), user_id: 2, sub: '2' }))),
  ],
  ['a changed signature', (forge, type) => withSegment(good(forge, type), 2, (text) => (text[0] === 'A' ? 'B' : 'A') + text.slice(1))],
  ['a short signature', (forge, type) => withSegment(good(forge, type), 2, (text) => text.slice(0, -2))],
  [
    'a signature of zeros (CVE-2022-21449)',
    (forge, type) => withSegment(good(forge, type), 2, (text) => segment(Buffer.alloc((text.length * 3) >> 2))),
  ],
  ['a signature in DER', (forge, type) => signedInDer(good(forge, type).split('.').slice(0, 2).join('.'), forge.key)],
  ['another key', (forge, type) => signed(good(forge, type).split('.').slice(0, 2).join('.'), strangeKey())],
  ['another secret', (forge, type) => signedWithSecret(good(forge, type).split('.').slice(0, 2).join('.'), randomBytes(32))],
  ['the key of the other type', (forge, type) => forge.sign(other(type), good(forge, type).split('.').slice(0, 2).join('.'))],
  ['the key of the other type under its own id', (forge, type) => forge.token(other(type), forge.claims(type))],
  [
    'the five segments of an encrypted token',
    (forge) => `${segment(JSON.stringify({ alg: 'dir', enc: 'A256GCM', kid: forge.kid }))}..aa.aa.aa`,
  ],
]

/** Unsigned tokens (RFC 8725 §2.1): every spelling of `none`, without a signature and with several. */
const UNSIGNED: readonly Forgery[] = ['none', 'None', 'NONE', 'nOnE', 'none ', 'none\0', ''].flatMap((alg): Forgery[] => {
  const signedSo = withHeader((header) => ({ ...header, alg }))
  const name = `alg ${JSON.stringify(alg)}`
  return [
    [`${name}, signed`, signedSo],
    [`${name}, with an empty signature`, (forge, type) => withSegment(signedSo(forge, type), 2, () => '')],
    [`${name}, with no signature`, (forge, type) => signedSo(forge, type).split('.').slice(0, 2).join('.')],
    [`${name}, with another signature`, (forge, type) => withSegment(signedSo(forge, type), 2, () => segment('none'))],
    [
      `${name}, with the signature of the good token`,
      (forge, type) => withSegment(good(forge, type), 0, () => signedSo(forge, type).split('.')[0] ?? ''),
    ],
    [`${name} and nothing else`, (forge, type) => `${segment(JSON.stringify({ alg }))}.${segment(JSON.stringify(forge.claims(type)))}.`],
  ]
})

/** An `alg` that is not the one of the key of this type. */
const ALGORITHMS: readonly Forgery[] = [
  ...['HS384', 'HS512', 'RS256', 'ES384', 'EdDSA', 'es256', 'hs256', 1, null, ['ES256'], ['HS256']].map(
    (alg): Forgery => [`alg ${JSON.stringify(alg)}`, withHeader((header) => ({ ...header, alg }))],
  ),
  ['the alg of the other type', withHeader((header) => ({ ...header, alg: header.alg === 'HS256' ? 'ES256' : 'HS256' }))],
]

const HEADERS: readonly Forgery[] = [
  ...ALGORITHMS,
  ['no alg', withHeader(without('alg'))],
  ['A31: no kid', withHeader(without('kid'))],
  ['A31: no typ', withHeader(without('typ'))],
  ...['jwt', 'AT+JWT', 'application/at+jwt', 'dpop+jwt', '', 1, null].map(
    (typ): Forgery => [`A29: typ ${JSON.stringify(typ)}`, withHeader((header) => ({ ...header, typ }))],
  ),
  ...[[], ['exp'], ['b64'], 'exp', null, {}].map(
    (crit): Forgery => [`A22: crit ${JSON.stringify(crit)}`, withHeader((header) => ({ ...header, crit }))],
  ),
  ...[true, false, null].map((b64): Forgery => [`A22: b64 ${b64}`, withHeader((header) => ({ ...header, b64 }))]),
  ['A22: crit and b64', withHeader((header) => ({ ...header, b64: false, crit: ['b64'] }))],
  ...['cty', 'jku', 'jwk', 'x5u', 'x5c', 'zip', 'enc', 'iss', 'extra'].map(
    (member): Forgery => [`A22: a member ${member}`, withHeader((header) => ({ ...header, [member]: 'x' }))],
  ),
  [
    'a header that is a list',
    (forge, type) => forge.written(type, JSON.stringify([forge.header(type)]), JSON.stringify(forge.claims(type))),
  ],
  ['a header that is null', (forge, type) => forge.written(type, 'null', JSON.stringify(forge.claims(type)))],
  ['a header that is no JSON', (forge, type) => forge.written(type, '{', JSON.stringify(forge.claims(type)))],
]

const PAYLOADS: readonly Forgery[] = [
  ...['[]', '["a"]', '"a"', 'null', '7', 'true', '{', '', '\ufeff{}'].map(
    (text): Forgery => [`the payload ${JSON.stringify(text)}`, withPayload(text)],
  ),
  ['a payload in bad UTF-8', (forge, type) => withPayload(badUtf8(forge.claims(type)))(forge, type)],
  ['a payload behind a byte order mark', (forge, type) => withPayload(`\ufeff${JSON.stringify(forge.claims(type))}`)(forge, type)],
  ...['exp', 'iat', 'nbf'].flatMap((time) =>
    ['NaN', 'Infinity', '-Infinity', '1e309', '-1e309', '01767225900', '0x69568080', '-1', '1767225900.5'].map(
      (text): Forgery => [`A22: ${time} ${text}`, (forge, type) => withPayload(withRaw(forge.claims(type), time, text))(forge, type)],
    ),
  ),
]

const BASE64: readonly Forgery[] = [
  ...(['header', 'payload', 'signature'] as const).flatMap((name, index): Forgery[] => [
    [`A22: = after the ${name}`, (forge, type) => withSegment(good(forge, type), index as 0, (text) => `${text}=`)],
    [`A22: == after the ${name}`, (forge, type) => withSegment(good(forge, type), index as 0, (text) => `${text}==`)],
    [
      `A22: junk in the ${name}`,
      (forge, type) => withSegment(good(forge, type), index as 0, (text) => `${text.slice(0, 5)}!*%${text.slice(5)}`),
    ],
    [
      `A22: a space in the ${name}`,
      (forge, type) => withSegment(good(forge, type), index as 0, (text) => `${text.slice(0, 5)} ${text.slice(5)}`),
    ],
  ]),
  ['A22: unused bits of the signature', (forge, type) => withSegment(good(forge, type), 2, withUnusedBits)],
  [
    'A22: +/ for -_ in the signature',
    (forge, type) => withSegment(withBoth(forge, type), 2, (text) => text.replaceAll('-', '+').replaceAll('_', '/')),
  ],
  ['A22: = after the header, signed', withSegments((header, payload) => [`${header}==`, payload])],
  ['A22: = after the payload, signed', withSegments((header, payload) => [header, `${payload}==`])],
  ['A22: unused bits of the header, signed', withSegments((header, payload) => [withUnusedBits(header), payload])],
  ['A22: unused bits of the payload, signed', withSegments((header, payload) => [header, withUnusedBits(payload)])],
  ['A22: junk in the payload, signed', withSegments((header, payload) => [header, `${payload.slice(0, 5)}!*${payload.slice(5)}`])],
  ['A22: a last character too many in the payload, signed', withSegments((header, payload) => [header, `${payload}AAA`])],
]

/** Every way in which a token can be wrong. */
export const FORGERIES: readonly Forgery[] = [...SIGNATURES, ...UNSIGNED, ...HEADERS, ...PAYLOADS, ...BASE64]

/** Claims as JSON, with one value that JSON.stringify would not write. */
function withRaw(claims: Claims, claim: string, text: string): string {
  return JSON.stringify({ ...claims, [claim]: '#' }).replace('"#"', text)
}

/** A payload whose text would parse if the broken byte became a replacement character. */
function badUtf8(claims: Claims): Buffer {
  const text = JSON.stringify({ ...claims, note: '#' })
  const at = text.indexOf('#')
  return Buffer.concat([Buffer.from(text.slice(0, at)), Buffer.from([0xff]), Buffer.from(text.slice(at + 1))])
}

/** A good token whose signature has both characters in which base64url differs. */
function withBoth(forge: Forge, type: TokenType): string {
  for (let note = 0; ; note++) {
    const token = forge.token(type, { ...forge.claims(type), note })
    if (/-.*_|_.*-/.test(token.slice(token.lastIndexOf('.')))) return token
  }
}
