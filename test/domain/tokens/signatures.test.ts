// Not on PostgreSQL: it uses no database.
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import t from 'tap'
import type { Algorithm } from '../../../domain/tokens/algorithms.ts'
import { signatureVerifier } from '../../../domain/tokens/signatures.ts'
import { segment, withSegment } from '../../wire/forge.ts'

const SECRET = 'x'.repeat(32)
const pem = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }) as string
const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve }).publicKey
const rsa = (modulusLength: number, publicExponent = 65_537) => generateKeyPairSync('rsa', { modulusLength, publicExponent }).publicKey

t.test('a key of another algorithm, or too weak for its own, is refused', async (t) => {
  const keys: Record<string, string> = {
    'P-256': pem(ec('P-256')),
    'P-384': pem(ec('P-384')),
    secp256k1: pem(ec('secp256k1')),
    Ed25519: pem(generateKeyPairSync('ed25519').publicKey),
    Ed448: pem(generateKeyPairSync('ed448').publicKey),
    X25519: pem(generateKeyPairSync('x25519').publicKey),
    'RSA of 2048 bits': pem(rsa(2048)),
    'RSA of 2047 bits': pem(rsa(2047)),
    'RSA of 1024 bits': pem(rsa(1024)),
    'RSA with the exponent 3': pem(rsa(2048, 3)),
    'RSA for PSS': pem(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey),
    'no key': 'x',
    nothing: '',
  }
  const fitting: Record<Exclude<Algorithm, 'HS256'>, string> = { ES256: 'P-256', EdDSA: 'Ed25519', RS256: 'RSA of 2048 bits' }
  for (const [algorithm, fit] of Object.entries(fitting)) {
    for (const [name, key] of Object.entries(keys)) {
      const make = () => signatureVerifier(algorithm as Algorithm, key)
      if (name === fit) t.doesNotThrow(make, `${algorithm}: ${name}`)
      else t.throws(make, `${algorithm}: ${name}`)
    }
  }
})

t.test('a secret of less than 32 bytes is refused', async (t) => {
  t.doesNotThrow(() => signatureVerifier('HS256', SECRET))
  t.doesNotThrow(() => signatureVerifier('HS256', 'ä'.repeat(16)))
  for (const secret of ['', 'x', 'x'.repeat(31)]) t.throws(() => signatureVerifier('HS256', secret), secret)
})

t.test('a MAC that is cut short or has bytes added is refused', async (t) => {
  const input = `${segment('{"alg":"HS256"}')}.${segment('foo')}`
  const mac = createHmac('sha256', SECRET).update(input).digest()
  const verifies = signatureVerifier('HS256', SECRET)
  t.ok(verifies(`${input}.${segment(mac)}`))
  for (const length of [1, 16, 31]) t.notOk(verifies(`${input}.${segment(mac.subarray(0, length))}`), `${length} bytes`)
  t.notOk(verifies(`${input}.${segment(Buffer.concat([mac, Buffer.alloc(1)]))}`), '33 bytes')
})

t.test('a bad signature of any length is refused, and none makes the verifier throw', async (t) => {
  const keys: Record<Algorithm, string> = {
    ES256: pem(ec('P-256')),
    EdDSA: pem(generateKeyPairSync('ed25519').publicKey),
    RS256: pem(rsa(2048)),
    HS256: SECRET,
  }
  for (const [algorithm, key] of Object.entries(keys)) {
    const verifies = signatureVerifier(algorithm as Algorithm, key)
    const input = `${segment(JSON.stringify({ alg: algorithm }))}.${segment('foo')}`
    for (const length of [1, 31, 32, 33, 63, 64, 65, 255, 256, 257, 6000]) {
      for (const byte of [0, 1, 0x30, 0xff]) t.notOk(verifies(`${input}.${segment(Buffer.alloc(length, byte))}`), `${algorithm}: ${length}`)
    }
  }
})

// Project Wycheproof has no JWS vectors of EdDSA.
t.test('EdDSA: only the signature itself is accepted, not another encoding of the same numbers (RFC 8032 §8.4)', async (t) => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const input = `${segment('{"alg":"EdDSA"}')}.${segment('foo')}`
  const signature = sign(null, Buffer.from(input), privateKey)
  const token = `${input}.${signature.toString('base64url')}`
  const verifies = signatureVerifier('EdDSA', pem(publicKey))
  t.ok(verifies(token))
  const others: Record<string, Buffer> = {
    'S and the order of the group (RFC 8032 §5.1.7)': withOrder(signature),
    'zeros (a point of small order, and S = 0)': Buffer.alloc(64),
    'the neutral point, and S = 0': Buffer.concat([Buffer.of(1), Buffer.alloc(63)]),
    'a byte less': signature.subarray(0, 63),
    'a byte more': Buffer.concat([signature, Buffer.alloc(1)]),
    'another bit': Buffer.concat([signature.subarray(0, 63), Buffer.of((signature[63] as number) ^ 1)]),
  }
  for (const [name, other] of Object.entries(others)) t.notOk(verifies(withSegment(token, 2, () => segment(other))), name)
})

t.test('a token whose alg is not that of its key is refused, even when its signature is good', async (t) => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const verifies = signatureVerifier('EdDSA', pem(publicKey))
  for (const header of [
    '{}',
    '{"alg":"Ed25519"}',
    '{"alg":"eddsa"}',
    '{"alg":["EdDSA"]}',
    '{"alg":null}',
    '[]',
    'null',
    '"EdDSA"',
    'EdDSA',
  ]) {
    const input = `${segment(header)}.${segment('foo')}`
    t.notOk(verifies(`${input}.${sign(null, Buffer.from(input), privateKey).toString('base64url')}`), header)
  }
})

/** Adds the order of the group to the S of a signature, which leaves S the same modulo the order. */
function withOrder(signature: Buffer): Buffer {
  const order = 2n ** 252n + 27_742_317_777_372_353_535_851_937_790_883_648_493n
  const number = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`) + order
  return Buffer.concat([signature.subarray(0, 32), Buffer.from(number.toString(16).padStart(64, '0'), 'hex').reverse()])
}
