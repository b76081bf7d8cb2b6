import { Type } from '@sinclair/typebox'

export const Health = Type.Object({ status: Type.Literal('ok', { examples: ['ok'] }) }, { $id: 'Health' })

const Key = Type.Object(
  {
    kty: Type.String({ description: 'The type of the key.' }),
    kid: Type.String({ description: 'The `kid` in the header of the tokens that it verifies.' }),
    use: Type.Literal('sig'),
    alg: Type.String({ description: 'The algorithm of those tokens.' }),
    crv: Type.Optional(Type.String()),
    x: Type.Optional(Type.String()),
    y: Type.Optional(Type.String()),
    n: Type.Optional(Type.String()),
    e: Type.Optional(Type.String()),
  },
  { description: 'A public key (RFC 7517 §4): `x` and `y` for ES256, `x` for EdDSA, `n` and `e` for RS256.' },
)

/** The point is that of RFC 7517, appendix A.1. */
export const KeySet = Type.Object(
  {
    keys: Type.Array(Key, {
      examples: [
        [
          {
            kty: 'EC',
            crv: 'P-256',
            x: 'MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4',
            y: '4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM',
            kid: '1',
            use: 'sig',
            alg: 'ES256',
          },
        ],
      ],
    }),
  },
  { $id: 'KeySet' },
)
