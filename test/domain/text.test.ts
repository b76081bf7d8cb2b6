import t from 'tap'
import { codePoints, cut, fold, isFalsy, isStorable, strip } from '../../domain/text.ts'

t.test('the white space that is stripped is that of str.strip in Python', async (t) => {
  t.equal(strip('\x1c\x85\xa0\u3000 a\tb \u2028'), 'a\tb')
  t.equal(strip('\ufeffa\u200b'), '\ufeffa\u200b')
  t.equal(strip(' \n '), '')
})

t.test('names fold by case and compatibility form', async (t) => {
  t.equal(fold('STRASSE'), fold('straße'))
  t.equal(fold('Ａlice'), fold('alice'))
  t.equal(fold('ﬁ'), fold('FI'))
  t.not(fold('alice'), fold('alicia'))
})

t.test('a text is cut by its bytes, and no character in half', async (t) => {
  for (const [text, limit, kept] of [
    ['alice', 5, 'alice'],
    ['alice', 4, 'alic'],
    ['é😀é', 8, 'é😀é'],
    ['é😀é', 7, 'é😀'],
    ['é😀é', 5, 'é'],
    ['é', 1, ''],
    ['', 0, ''],
  ] as const) {
    t.equal(cut(text, limit), kept)
  }
})

t.test('lengths count code points', async (t) => {
  t.equal(codePoints('a😀é'), 3)
})

t.test('NUL and lone surrogates cannot be stored', async (t) => {
  t.ok(isStorable('😀'))
  t.notOk(isStorable('a\0'))
  t.notOk(isStorable('\ud800'))
})

t.test('falsy values are those of Python', async (t) => {
  for (const value of [undefined, null, '', 0, -0, false, [], {}]) t.ok(isFalsy(value), JSON.stringify(value))
  for (const value of [' ', '0', 1, true, [0], { a: 1 }]) t.notOk(isFalsy(value), JSON.stringify(value))
})
