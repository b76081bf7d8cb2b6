/** A password that is compared with the stored hash. */
export const password = { minLength: 1, 'x-characters': 'text', format: 'password' }

/** A new password. `domain/passwords/policy.ts` checks what a schema cannot express. */
export const newPassword = {
  ...password,
  maxLength: 1024,
  description: 'At least 8 characters, neither a common password nor easily guessed, and not similar to the username.',
}
