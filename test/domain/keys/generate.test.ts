import t from 'tap'
import { generateKey, isKid } from '../../../domain/keys/generate.ts'

t.test('no generated kid begins with a dash: a command line would read it as an option', async (t) => {
  const kids = await Promise.all(Array.from({ length: 1000 }, async () => (await generateKey('EdDSA', undefined)).kid))
  t.strictSame(
    kids.filter((kid) => !isKid(kid) || kid.startsWith('-')),
    [],
  )
})
