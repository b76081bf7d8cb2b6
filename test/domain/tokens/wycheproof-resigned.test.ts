// Not on PostgreSQL: it uses no database.
import t from 'tap'
import { START } from '../../helper.ts'
import { damaged, resign, written } from './damage.ts'
import { ISSUER, loadSuite, nameOf, passesWhole, ringOf, skip } from './wycheproof.ts'

const NOW = START / 1000
const CLAIMS = {
  token_type: 'access',
  exp: NOW + 300,
  iat: NOW,
  jti: 'bff9739785a3411c9075c2458a101605',
  user_id: 1,
  iss: ISSUER,
  sub: '1',
  sid: '1',
}

t.test('Latchkey tokens that are signed with the keys of the JWS suite and damaged like its vectors are refused', { skip }, async (t) => {
  const groups = loadSuite(t, 'json_web_signature').filter(({ keys }) => ringOf(keys).find(keys[0]?.kid as string) !== undefined)
  t.strictSame(new Set(groups.map(({ privateKey }) => privateKey.alg)), new Set(['HS256', 'ES256', 'RS256']))
  for (const group of groups) {
    for (const vector of group.tests.filter(({ result }) => result === 'invalid')) {
      const good = resign(group.privateKey, CLAIMS)
      const bad = damaged(good, vector)
      t.ok(bad !== undefined && bad !== written(good), `${nameOf(group, vector)} can be done`)
      t.ok(await passesWhole(group.keys, written(good)), `${nameOf(group, vector)}, undone, passes`)
      t.notOk(await passesWhole(group.keys, bad as string), nameOf(group, vector))
    }
  }
})

t.test('the same tokens are accepted when they are not damaged', { skip }, async (t) => {
  const groups = loadSuite(t, 'json_web_signature').filter(({ privateKey }) => privateKey.alg === 'RS256')
  for (const group of groups) {
    for (const vector of group.tests.filter(({ result, token }) => result === 'valid' && !token.includes('..'))) {
      const same = damaged(resign(group.privateKey, CLAIMS), { ...vector, flags: ['ModifiedPadding'] })
      t.ok(await passesWhole(group.keys, same as string), nameOf(group, vector))
    }
  }
})
