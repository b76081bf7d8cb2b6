import swaggerUi from '@fastify/swagger-ui'
import fp from 'fastify-plugin'

/** The document for people: it ships with its scripts, needs no other host, and can try a call. */
export default fp(
  async (app) => {
    await app.register(swaggerUi, {
      routePrefix: '/docs',
      staticCSP: true,
      uiConfig: { url: '/openapi.json', validatorUrl: null, displayRequestDuration: true, tryItOutEnabled: true },
    })
  },
  { name: 'docs', dependencies: ['openapi'] },
)
