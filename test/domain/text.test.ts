// Not on PostgreSQL: it uses no database.
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

t.test('texts fold as NFKC_Casefold of Unicode, which leaves out what is not seen', async (t) => {
  for (const [text, folded] of [
    ['', ''],
    ['ALICE@Example.com', 'alice@example.com'],
    ['Straße STRAẞE', 'strasse strasse'],
    ['ΟΔΥΣΣΕΥΣ ὈΔΥΣΣΕΎΣ', 'οδυσσευσ ὀδυσσεύσ'],
    ['\u2126\u212a\u212b', 'ωk\u00e5'],
    ['ﬁ ﬅ ŉ', 'fi st ʼn'],
    ['İstanbul ISPARTA ısparta', 'i\u0307stanbul isparta ısparta'],
    ['ſecret ſ\u0323\u0307', 'secret \u1e69'],
    ['\u1fb3 \u1fbc \u0345', 'αι αι ι'],
    ['e\u0301\u00e9', '\u00e9\u00e9'],
    ['ｶﾞ ㌀ Ⅷ ²', 'ガ アパート viii 2'],
    ['a\u00ad\u200b\u200d\u2060\ufe0f\ufeff\u3164\uffa0b', 'ab'],
    // The invisible one stands between a letter and its mark.
    ['e\u034f\u0301', '\u00e9'],
    ['\u1fb3\u034f\u0301', '\u03ac\u03b9'],
    ['\u{10400}', '\u{10428}'],
  ] as const) {
    t.equal(fold(text), folded, JSON.stringify(text))
  }
})

t.test('to fold what is folded changes nothing, and nothing that is not seen is left', async (t) => {
  for (let point = 0; point <= 0x10ffff; point++) {
    if (point >= 0xd800 && point <= 0xdfff) continue
    const once = fold(String.fromCodePoint(point))
    if (fold(once) !== once || /\p{Default_Ignorable_Code_Point}/u.test(once)) t.fail(`U+${point.toString(16)}`)
  }
})
