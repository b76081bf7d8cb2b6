import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ref } from '../schemas/ref.ts'
import { ServerMetadata } from '../schemas/service.ts'

const PATH = '/.well-known/oauth-authorization-server'
/** Where verifiers look that are made for OpenID Connect. What they ask for in order to check tokens, the metadata has. */
const OPENID_PATH = '/.well-known/openid-configuration'

/**
 * Only what holds for this service. There is no token endpoint: login and refresh have JSON bodies of their own, not those of RFC 6749.
 * Empty lists should be left out (RFC 8414 §3.2), but these two stay: `response_types_supported` is required, and a missing
 * `grant_types_supported` would mean grants that do not exist here (§2).
 *
 * How tokens are signed has no member in RFC 8414: its `*_auth_signing_alg_values_supported` are for clients that
 * authenticate with a JWT. Verifiers of access tokens that read this document read OpenID's member, which is in the same
 * registry.
 */
const routes: FastifyPluginAsyncTypebox = async (app) => {
  const { publicUrl, jwtIssuer, jwksMaxAgeSeconds } = app.config

  async function answer(_request: FastifyRequest, reply: FastifyReply): Promise<ServerMetadata> {
    reply.header('cache-control', `public, max-age=${jwksMaxAgeSeconds}`)
    return {
      issuer: jwtIssuer,
      jwks_uri: `${publicUrl}/.well-known/jwks.json`,
      response_types_supported: [],
      grant_types_supported: [],
      revocation_endpoint: `${publicUrl}/api/token/revoke/`,
      revocation_endpoint_auth_methods_supported: ['none'],
      introspection_endpoint: `${publicUrl}/api/token/introspect/`,
      introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
      id_token_signing_alg_values_supported: [...app.keys.algorithms],
    }
  }

  app.get(PATH, {
    schema: {
      operationId: 'getServerMetadata',
      tags: ['service'],
      summary: 'What the service is, for OAuth clients and verifiers',
      description:
        'Authorization server metadata (RFC 8414), also at `/.well-known/openid-configuration`, where some verifiers look. For an issuer with a ' +
        'path the same is at this path followed by that of the issuer (§3.1).',
      response: { 200: ref(ServerMetadata) },
      cacheControl: 'public, max-age=300',
      problems: { codes: [] },
    },
    handler: answer,
  })

  // Clients need to know one address: the others are no operations of the document.
  for (const url of otherPaths(issuerPath(jwtIssuer))) {
    app.get(url, { schema: { hide: true, response: { 200: ref(ServerMetadata) } }, handler: answer })
  }
}

/**
 * Where else the metadata is. For an issuer with a path OAuth inserts the well-known part before that path (RFC 8414 §3.1), OpenID
 * Connect appends it (Discovery 1.0 §4.1), and some that know both insert OpenID's, too (RFC 8414 §5).
 */
function otherPaths(path: string): Iterable<string> {
  return new Set([OPENID_PATH, ...(path === '' ? [] : [PATH + path, OPENID_PATH + path, path + OPENID_PATH])])
}

/** The path of an issuer that is a URL (RFC 8414 §2), if it has only characters that need no percent-encoding; else empty. */
function issuerPath(issuer: string): string {
  const [, path = ''] = /^https?:\/\/[^/?#]+((?:\/[\w.~-]+)+)\/?$/.exec(issuer) ?? []
  return path
}

export default routes
