/** A password that is compared with the one that is known. */
export const password = { minLength: 1, 'x-characters': 'text', format: 'password' }

/** One that is to be kept: what the schema cannot say is checked by `domain/passwords/policy.ts`. */
export const newPassword = {
  ...password,
  maxLength: 1024,
  description: 'At least 8 characters, not entirely numeric, not a common password, and not similar to the username.',
}
