// Not on PostgreSQL: it uses no database.
import t from 'tap'
import { type Group, loadSuite, nameOf, passesSeam, passesWhole, skip, type Vector } from './wycheproof.ts'

type Listed = readonly [tcIds: readonly number[], reason: string]

const find = (list: readonly Listed[], { tcId }: Vector) => list.find(([ids]) => ids.includes(tcId))?.[1]

/** Valid vectors of the JWS suite that Latchkey refuses on purpose. */
const REFUSED: readonly Listed[] = [
  [[259], 'an empty payload: a Latchkey token has claims'],
  [[264, 265, 266, 267], 'RS384 is not one of the supported algorithms'],
  [[268, 269, 270, 271], 'RS512 is not one of the supported algorithms'],
  [[272, 273, 274, 275, 287, 288], 'PS256 is not one of the supported algorithms'],
  [[320, 321, 322, 323, 346, 350], 'PS384 is not one of the supported algorithms'],
  [[325, 326, 327, 328], 'PS512 is not one of the supported algorithms'],
  [[347, 351], 'ES512 is not one of the supported algorithms'],
  [[372, 373], 'a character outside base64url (RFC 7515 §2 allows none)'],
]

/** Invalid vectors of the JWS suite that are identical to a valid one: the padding that made them invalid is lost in the file. */
const SAME_AS_VALID: readonly number[] = [367, 370]

t.test('JWS: every valid signature is accepted but those refused on purpose, and every invalid one is refused', { skip }, async (t) => {
  for (const group of loadSuite(t, 'json_web_signature')) {
    for (const vector of group.tests) {
      const reason = find(REFUSED, vector)
      if (reason !== undefined) t.equal(vector.result, 'valid', `${nameOf(group, vector)} is refused on purpose: ${reason}`)
      const isGood = (vector.result === 'valid' && reason === undefined) || isSameAsValid(group, vector)
      t.equal(passesSeam(group.keys, vector.token), isGood, nameOf(group, vector))
    }
  }
})

function isSameAsValid({ tests }: Group, { tcId, token }: Vector): boolean {
  return SAME_AS_VALID.includes(tcId) && tests.some((other) => other.result === 'valid' && other.token === token)
}

t.test('JWS: the whole check of a token refuses every vector, for none has the claims of a Latchkey token', { skip }, async (t) => {
  for (const group of loadSuite(t, 'json_web_signature')) {
    for (const vector of group.tests) t.notOk(await passesWhole(group.keys, vector.token), nameOf(group, vector))
  }
})

/** Vectors of the JWK suite that do not apply to Latchkey. */
const NOT_OURS: readonly Listed[] = [
  [
    [1],
    'secret and public keys in one set: the key ring holds JWT_SECRET beside the others on purpose, and each key has its own algorithm',
  ],
  [[4], 'two keys with one kid: the kid is the primary key of the table'],
  [[7], 'a weak key made by a faulty chip (ROCA): Latchkey makes its keys with OpenSSL'],
  [[21], 'a key for encryption: the keys of Latchkey are for signatures only'],
]

/** Valid vectors of the JWK suite that Latchkey refuses on purpose. */
const REFUSED_KEYS: readonly Listed[] = [[[14, 15], 'HS384 and HS512 are not supported']]

t.test('JWK: a token is verified by the key of its kid, unless that key is of another algorithm, damaged or weak', { skip }, async (t) => {
  const groups = loadSuite(t, 'json_web_key')
  for (const group of groups) {
    for (const vector of group.tests.filter((vector) => find(NOT_OURS, vector) === undefined)) {
      const isGood = vector.result === 'valid' && find(REFUSED_KEYS, vector) === undefined
      t.equal(passesSeam(group.keys, vector.token, kidOf(vector.token)), isGood, nameOf(group, vector))
    }
  }
  t.strictSame(
    idsOf(groups, 'invalid').filter((id) => listed(NOT_OURS).includes(id)),
    listed(NOT_OURS),
  )
  t.strictSame(
    idsOf(groups, 'valid').filter((id) => listed(REFUSED_KEYS).includes(id)),
    listed(REFUSED_KEYS),
  )
})

t.test('JWC: signed tokens are judged as in the suites above, and encrypted tokens are refused', { skip }, async (t) => {
  const groups = loadSuite(t, 'json_web_crypto')
  const allKeys = groups.flatMap(({ keys }) => keys)
  for (const group of groups) {
    // The weak key (ROCA) and the mixed set of keys of `NOT_OURS`.
    if (['jws_rsa_roca_key', 'jws_mixedSymmetryKeyset'].includes(group.comment)) continue
    const isSigned = group.comment.startsWith('jws')
    for (const vector of group.tests) {
      const passes = isSigned ? passesSeam(group.keys, vector.token) : allKeys.some((key) => passesSeam([key], vector.token))
      t.equal(passes, isSigned && vector.result === 'valid', nameOf(group, vector))
    }
  }
})

function kidOf(token: string): string {
  return JSON.parse(Buffer.from(token.split('.')[0] as string, 'base64url').toString()).kid
}

function listed(list: readonly Listed[]): number[] {
  return list.flatMap(([ids]) => ids)
}

function idsOf(groups: readonly Group[], result: Vector['result']): number[] {
  return groups.flatMap(({ tests }) => tests.filter((vector) => vector.result === result).map(({ tcId }) => tcId))
}
