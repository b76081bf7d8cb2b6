/** A hash as Django writes it: its algorithm's name, and then what the algorithm's own library reads. */
export function djangoHash(stored: string): string {
  if (stored.startsWith('$argon2')) return `argon2${stored}`
  return /^\$2[aby]\$/.test(stored) ? `bcrypt$${stored}` : stored
}
