import { type Static, Type } from '@sinclair/typebox'
import { ref } from './ref.ts'

export const Health = Type.Object(
  { status: Type.String({ description: 'Always `ok`.', examples: ['ok'] }) },
  { $id: 'Health', description: 'That all is well.' },
)

export const Key = Type.Object(
  {
    kty: Type.String({ description: 'The type of the key.' }),
    kid: Type.String({ description: 'The `kid` in the header of the tokens that it verifies.' }),
    use: Type.String({ description: 'What it is for: always `sig`, signatures.' }),
    alg: Type.String({ description: 'The algorithm of those tokens.' }),
    crv: Type.Optional(Type.String({ description: 'The curve.' })),
    x: Type.Optional(Type.String({ description: 'A coordinate of the point on the curve, in base64url.' })),
    y: Type.Optional(Type.String({ description: 'The other coordinate.' })),
    n: Type.Optional(Type.String({ description: 'The modulus, in base64url.' })),
    e: Type.Optional(Type.String({ description: 'The exponent, in base64url.' })),
  },
  { $id: 'Key', description: 'A public key (RFC 7517 §4): `x` and `y` for ES256, `x` for EdDSA, `n` and `e` for RS256.' },
)

/** The key of the example is that of RFC 7517, appendix A.1. */
export const KeySet = Type.Object(
  {
    keys: Type.Array(ref(Key), {
      description: 'Those of the access tokens that may be good, and of those to come; none of HS256.',
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
  { $id: 'KeySet', description: 'A JWK set (RFC 7517 §5).' },
)

const uri = (path: string, description: string) => Type.String({ format: 'uri', examples: [`http://localhost:3000${path}`], description })
const list = (examples: string[], description: string) => Type.Array(Type.String(), { examples: [examples], description })

/** The members of RFC 8414 §2 that apply to this service. */
export const ServerMetadata = Type.Object(
  {
    issuer: Type.String({ examples: ['http://localhost:3000'], description: '`iss` of the tokens.' }),
    jwks_uri: uri('/.well-known/jwks.json', 'The public keys.'),
    response_types_supported: list([], 'None: there is no authorization endpoint.'),
    grant_types_supported: list([], 'None: tokens come from the API described here, not from the token endpoint of OAuth.'),
    revocation_endpoint: uri('/api/token/revoke/', 'RFC 7009.'),
    revocation_endpoint_auth_methods_supported: list(['none'], 'Whoever has a token may revoke it.'),
    introspection_endpoint: uri('/api/token/introspect/', 'RFC 7662.'),
    introspection_endpoint_auth_methods_supported: list(['client_secret_basic', 'client_secret_post'], 'How a client authenticates there.'),
    id_token_signing_alg_values_supported: list(
      ['ES256'],
      'The algorithms of the tokens that are good now, that of new ones first. These are no ID tokens, but there is no other name for it.',
    ),
  },
  { $id: 'ServerMetadata', description: 'The members of RFC 8414 §2 that apply.' },
)
export type ServerMetadata = Static<typeof ServerMetadata>
