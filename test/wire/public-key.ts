import { createPublicKey, type webcrypto } from 'node:crypto'

type Jwk = webcrypto.JsonWebKey & { kid: string; alg: string }

/** Every encoding of a published key that could be used as an HMAC secret (RFC 8725 §2.1), by its name. */
export function formsOf(jwk: Jwk): Record<string, string | Buffer> {
  const key = createPublicKey({ key: jwk, format: 'jwk' })
  const der = key.export({ type: 'spki', format: 'der' })
  const pem = key.export({ type: 'spki', format: 'pem' }) as string
  const { kid: _kid, alg: _alg, use: _use, ...parameters } = jwk
  return {
    PEM: pem,
    'PEM without its last newline': pem.trimEnd(),
    'PEM with CRLF': pem.replaceAll('\n', '\r\n'),
    'PEM in one line': pem.replaceAll('\n', ''),
    'PEM behind a space': ` ${pem}`,
    'PEM behind a newline': `\n${pem}`,
    'PEM behind a byte order mark': `\ufeff${pem}`,
    'PEM behind a comment': `# our key\n${pem}`,
    DER: der,
    'DER in base64': der.toString('base64'),
    'DER in base64url': der.toString('base64url'),
    'the JWK as published': JSON.stringify(jwk),
    'the JWK, its parameters alone': JSON.stringify(parameters),
    'the whole set': JSON.stringify({ keys: [jwk] }),
    kid: jwk.kid,
    ...rawForms(jwk),
  }
}

/** The numbers of a key, without an encoding around them. */
function rawForms({ x, y, n }: Jwk): Record<string, string | Buffer> {
  if (n !== undefined) return { modulus: Buffer.from(n, 'base64url'), 'modulus in base64url': n }
  const [first, second] = [x, y].map((number = '') => Buffer.from(number, 'base64url')) as [Buffer, Buffer]
  const compressed = Buffer.concat([Buffer.of(2 + ((second.at(-1) ?? 0) & 1)), first])
  return {
    'raw point': Buffer.concat([Buffer.of(4), first, second]),
    'raw numbers': Buffer.concat([first, second]),
    compressed,
    x: x ?? '',
  }
}
