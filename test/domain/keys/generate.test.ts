// Not on PostgreSQL: it uses no database.
import t from 'tap'
import { generateAccessKey, generateRefreshKey, isKid } from '../../../domain/keys/generate.ts'

t.test('no generated kid begins with a dash: a command line would read it as an option', async (t) => {
  const kids = await Promise.all(Array.from({ length: 1000 }, async () => (await generateAccessKey('EdDSA', undefined)).kid))
  kids.push(...Array.from({ length: 1000 }, () => generateRefreshKey().kid))
  t.strictSame(
    kids.filter((kid) => !isKid(kid) || kid.startsWith('-')),
    [],
  )
})

t.test('a key of refresh tokens has 256 random bits, and says nothing in public', async (t) => {
  const keys = Array.from({ length: 100 }, () => generateRefreshKey())
  t.equal(new Set(keys.map(({ privateKey }) => privateKey)).size, 100)
  for (const { use, algorithm, privateKey, publicKey } of keys) {
    t.same({ use, algorithm, publicKey }, { use: 'refresh', algorithm: 'HS256', publicKey: null })
    t.equal(Buffer.from(privateKey as string, 'base64url').length, 32)
  }
})
