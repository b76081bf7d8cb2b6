// Not on PostgreSQL: it uses no database.
import { createDecipheriv } from 'node:crypto'
import t from 'tap'
import { Secrets, SettingMismatch } from '../../../domain/keys/secrets.ts'

const OLD = Buffer.alloc(32, 1)
const NEW = Buffer.alloc(32, 2)
const OTHER = Buffer.alloc(32, 3)
const TEXT = '-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n'
const OWNER = 'kid-1'

const secrets = (secretsKey?: Buffer, secretsKeyPrevious?: Buffer) =>
  new Secrets({ ...(secretsKey && { secretsKey }), ...(secretsKeyPrevious && { secretsKeyPrevious }) })
const none = secrets()
const old = secrets(OLD)
const both = secrets(NEW, OLD)
const fresh = secrets(NEW)

t.test('without SECRETS_KEY a text is stored unencrypted', async (t) => {
  t.equal(none.seal(TEXT, OWNER), TEXT)
  t.equal(none.open(TEXT, OWNER), TEXT)
  t.equal(none.renew(TEXT, OWNER), undefined)
})

t.test('with SECRETS_KEY a text is stored encrypted with AES-256-GCM, with its owner as additional authenticated data', async (t) => {
  const stored = old.seal(TEXT, OWNER)
  t.notMatch(stored, /hunter2|BEGIN/)
  const [, nonce = '', sealed = ''] = /^v1\.[\w-]{11}\.([\w-]+)\.([\w-]+)$/.exec(stored) ?? []
  const bytes = Buffer.from(sealed, 'base64url')
  const decipher = createDecipheriv('aes-256-gcm', OLD, Buffer.from(nonce, 'base64url')).setAAD(Buffer.from(OWNER))
  decipher.setAuthTag(bytes.subarray(-16))
  t.equal(Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()]).toString(), TEXT)
  t.equal(old.open(stored, OWNER), TEXT)
})

t.test('every encryption has a nonce of its own, and no part of the key is stored', async (t) => {
  const stored = Array.from({ length: 1000 }, () => old.seal(TEXT, OWNER))
  t.equal(new Set(stored.map((text) => text.split('.')[2])).size, 1000, 'every nonce differs')
  t.equal(new Set(stored.map((text) => text.split('.')[1])).size, 1)
  t.not(stored[0]?.split('.')[1], fresh.seal(TEXT, OWNER).split('.')[1])
  for (const form of ['hex', 'base64', 'base64url'] as const) t.notMatch(stored[0], OLD.toString(form).slice(0, 8))
})

t.test('an encrypted text that was damaged or moved to another owner is refused', async (t) => {
  const stored = old.seal(TEXT, OWNER)
  const damaged = { message: /damaged, or was made for another row/ }
  t.throws(() => old.open(stored, 'kid-2'), damaged)
  for (const part of [2, 3]) {
    const parts = stored.split('.')
    parts[part] = (parts[part]?.[0] === 'A' ? 'B' : 'A') + parts[part]?.slice(1)
    t.throws(() => old.open(parts.join('.'), OWNER), damaged)
  }
  t.throws(() => old.open(stored.slice(0, -8), OWNER), damaged)
  t.throws(() => old.open(stored.split('.').slice(0, 3).concat('AAAA').join('.'), OWNER), Error)
  for (const text of ['v1.', 'v1.hunter2', 'v2.AAAAAAAAAAA.AAAAAAAAAAAAAAAA.AAAA']) {
    t.throws(() => old.open(text, OWNER), { message: 'it is encrypted in a form that this version does not know' })
    t.equal(old.renew(text, OWNER), undefined)
  }
})

t.test('the error for a missing or wrong key names its setting', async (t) => {
  const stored = old.seal(TEXT, OWNER)
  const refused: [Secrets, string][] = [
    [none, 'SECRETS_KEY is not set, and the secrets of the database are encrypted'],
    [
      fresh,
      'SECRETS_KEY is not the key that the secrets of the database are encrypted with; the old one can be given as SECRETS_KEY_PREVIOUS',
    ],
    [
      secrets(NEW, OTHER),
      'SECRETS_KEY is not the key that the secrets of the database are encrypted with, and SECRETS_KEY_PREVIOUS is not it either',
    ],
  ]
  for (const [tried, message] of refused) {
    t.throws(() => tried.open(stored, OWNER), new SettingMismatch(message))
    t.equal(tried.renew(stored, OWNER), undefined)
  }
})

t.test('a text that was stored before SECRETS_KEY was set is encrypted later', async (t) => {
  const stored = old.renew(TEXT, OWNER) as string
  t.equal(old.open(stored, OWNER), TEXT)
  t.equal(old.renew(stored, OWNER), undefined)
})

t.test('while the key is being changed, processes with old and new settings read each text, and encrypt none again', async (t) => {
  const before = old.seal(TEXT, OWNER)
  t.equal(both.open(before, OWNER), TEXT)
  const during = both.renew(before, OWNER) as string
  for (const one of [old, both, fresh, secrets(OLD, NEW)]) t.equal(one.open(during, OWNER), TEXT)
  for (const one of [old, both, secrets(OLD, NEW)]) t.equal(one.renew(during, OWNER), undefined)
  const madeMeanwhile = both.renew(old.seal(TEXT, OWNER), OWNER) as string
  t.equal(old.open(madeMeanwhile, OWNER), TEXT)
  t.equal(fresh.open(madeMeanwhile, OWNER), TEXT)
})

t.test('once SECRETS_KEY_PREVIOUS is no longer set, every text is encrypted with the new key alone', async (t) => {
  const during = both.seal(TEXT, OWNER)
  const after = fresh.renew(during, OWNER) as string
  t.equal(fresh.open(after, OWNER), TEXT)
  t.throws(() => old.open(after, OWNER), { message: /^SECRETS_KEY is not the key/ })
  t.equal(both.renew(after, OWNER), undefined, 'nor does a process that still has both settings encrypt it again')
  t.equal(fresh.renew(after, OWNER), undefined)
})

t.test('any text can be encrypted, and one that looks encrypted already is never stored unencrypted', async (t) => {
  for (const text of ['', 'hunter2', 'v1', 'v1.a', old.seal(TEXT, OWNER)]) t.equal(old.open(old.seal(text, OWNER), OWNER), text)
  for (const text of ['', 'hunter2', 'v1']) t.equal(none.open(none.seal(text, OWNER), OWNER), text)
  t.throws(() => none.seal('v1.a', OWNER), { message: 'a secret that begins like an encrypted one cannot be stored in plain' })
})
