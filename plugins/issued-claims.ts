import fp from 'fastify-plugin'
import { IssuedClaims } from '../domain/tokens/issued-claims.ts'

declare module 'fastify' {
  interface FastifyInstance {
    issuedClaims: IssuedClaims
  }
}

/** The issuers and audiences of tokens that may be alive, written down before the first token is issued. */
export default fp(
  async (app) => {
    const issuedClaims = new IssuedClaims(app)
    await issuedClaims.keepUp()
    issuedClaims.watch((error) => app.log.warn({ err: error }, 'the issuer and audience of new tokens could not be written down'))
    app.decorate('issuedClaims', issuedClaims)
    app.addHook('onClose', () => issuedClaims.close())
  },
  { name: 'issued-claims', dependencies: ['db'] },
)
