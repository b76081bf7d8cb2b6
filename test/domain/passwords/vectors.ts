/** Hashes that Django 5.1 to 6.1 made (the ninth: argon2-cffi), and their passwords. */
const HORSE = 'correct horse battery staple'

export interface Vector {
  readonly password: string
  readonly stored: string
  /** Passwords that nearly are it, and are not. */
  readonly wrong: readonly string[]
}

const near = (password: string): string[] => [`${password}x`, password.toUpperCase()]

export const vectors: Readonly<Record<string, Vector>> = {
  pbkdf2_sha256: {
    password: HORSE,
    stored: 'pbkdf2_sha256$870000$XiB58nG9XkO13eCSU5hXRv$7RhAtXcPSMwXVmnEHAOnHI5qORKyQK8r0xgbjhl1GbY=',
    wrong: near(HORSE),
  },
  pbkdf2_sha1: { password: HORSE, stored: 'pbkdf2_sha1$1500000$dknYRCwExjFLk4YwYnyEAV$c9+8VHCnwl+g69G4vdN5PXLKtSU=', wrong: near(HORSE) },
  argon2: {
    password: HORSE,
    stored: 'argon2$argon2id$v=19$m=102400,t=2,p=8$RzlQVXgzSExWTXJnZWNKS21EeDFscg$sqNxItLjbGyoH1BfjQcrQrhqKtar8s4ZUP2MDFk+fmM',
    wrong: near(HORSE),
  },
  bcrypt_sha256: {
    password: `${'\u00e9'.repeat(40)}\u{1f511}`,
    stored: 'bcrypt_sha256$$2b$12$qlDeA5gEsczr5F2IPC5E3OUWY7mud6QuoxSulSSUG5NX2Ly1ev0Ry',
    // It is not cut, and composed.
    wrong: ['\u00e9'.repeat(40), `${'e\u0301'.repeat(40)}\u{1f511}`, `${'\u00e9'.repeat(40)}\u{1f511}x`],
  },
  bcrypt: {
    password: '\u00e9'.repeat(40),
    stored: 'bcrypt$$2b$12$SjDiX8.1A73IckVz/kwqKuqJDvvYgCL6ybJl4lCcINlyFUjG4NcfW',
    // 35 of them are 70 bytes, and 36 are the 72 that count.
    wrong: ['\u00e9'.repeat(35), `${'\u00e9'.repeat(35)}e\u0301`, `${'\u00e9'.repeat(35)}xx`, '\u00c9'.repeat(40)],
  },
  scrypt: {
    password: HORSE,
    stored:
      'scrypt$16384$ZBOMUooZ7yMHamLzNpB5NP$8$5$LNDC/Cu6qTqubukqMCFRaGTsN/l8wExH7eruwNxnndejKv6AtK+TzoJz1QqPpEByKT4EqCEuHzLwtKQmkTYbsA==',
    wrong: near(HORSE),
  },
  decomposed: {
    password: 'pa\u0308sswo\u0308rd',
    stored: 'pbkdf2_sha256$1000$kL3vNq8sTz1XwBy5RmCd7e$Q6uYfFO7bu+ZFUgf6jVZHQtWNOxU3OSrrlqV16R/iIk=',
    wrong: ['p\u00e4ssw\u00f6rd', 'password'],
  },
  with_spaces: {
    password: 'a$b$c  ',
    stored:
      'scrypt$1024$Zq8sTz1XwBy5RmCd7ekL3v$8$1$2Lwf/mxUEqPrCNKQP7+tisVZA7YUfj1XvlLIKwYz9iXY/4om5CbJfeXn+TpBZG3g9pfw9uAAIfnVnQ7whFUx/Q==',
    wrong: ['a$b$c', 'a$b$c ', '  a$b$c', 'a$b$c   '],
  },
  old_argon2i: {
    password: 'pw123456',
    stored: 'argon2$argon2i$v=19$m=512,t=2,p=2$c2FsdHNhbHRzYWx0$9LY80/JBF/GKdOqRi7CErw',
    wrong: near('pw123456'),
  },
}

/** Nobody's. */
export const UNUSABLE = '!cenX25S2KTlYWxipnmzLpqLa35OFoIo70IvXL6mA'
