/** What a text is: any; a name that is looked up; or the name of a new user. */
export type Characters = 'text' | 'name' | 'new-name'

/**
 * What is refused beside NUL, which has its own text. With bidirectional controls (Unicode Standard Annex #9, §2) a name reads as another
 * one; with separators of lines and paragraphs, or with the controls of interlinear annotation, which are not seen, it stands as another
 * one. Not seen either are white space, what fonts leave out (Default_Ignorable_Code_Point), the empty Braille cell and the null notehead.
 */
const refused: Record<Characters, RegExp> = {
  text: /(?!)/,
  name: /[^\P{Cc}\0]/u,
  'new-name': /[^\P{Cc}\0]|\p{Bidi_Control}|[\p{Zl}\p{Zp}\ufff9-\ufffb]|^[\p{Z}\p{Default_Ignorable_Code_Point}\u2800\u{1d159}]+$/u,
}

/** What is wrong with the characters of a text, in words of Django REST framework; empty when nothing is. */
export function characterFaults(text: string, allowed: Characters): string[] {
  const faults: string[] = []
  if (text.includes('\0')) faults.push('Null characters are not allowed.')
  if (refused[allowed].test(text)) faults.push('Control characters are not allowed.')
  const surrogate = /\p{Surrogate}/u.exec(text)
  if (surrogate) faults.push(`Surrogate characters are not allowed: U+${surrogate[0].charCodeAt(0).toString(16).toUpperCase()}.`)
  return faults
}
