import { strip } from '../text.ts'

/** A password that is the user's. */
export interface RightPassword {
  /** In the Unicode form that was the right one, as it was typed otherwise. */
  readonly password: string
  /** Whether it is right only without the white space around it. */
  readonly isRightTrimmed: boolean
}

/**
 * The forms in which a password is compared: as it was sent, in NFC and in NFD (Unicode Standard Annex #15), where these differ. It was
 * hashed as it was sent then, and another keyboard or browser sends another form of what is the same to the eye (RFC 8265 §4.2.1). For a hash
 * of another system, also without the white space around it, which Django REST framework cut off before it made or compared a hash.
 */
export function formsOf(typed: string, isTrimmed: boolean): Map<string, RightPassword> {
  const forms = new Map<string, RightPassword>()
  const unicodeForms = [typed, typed.normalize('NFC'), typed.normalize('NFD')]
  for (const password of unicodeForms) forms.set(password, { password, isRightTrimmed: false })
  if (!isTrimmed) return forms
  for (const password of unicodeForms) {
    const trimmed = strip(password)
    // It refused a password of white space alone.
    if (trimmed !== '' && !forms.has(trimmed)) forms.set(trimmed, { password: trimmed, isRightTrimmed: true })
  }
  return forms
}
