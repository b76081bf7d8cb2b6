import fp from 'fastify-plugin'
import { sendError } from '../http/problems.ts'

/** Renders whatever is thrown, once, as a problem document (RFC 9457). */
export default fp(
  async (app) => {
    app.setErrorHandler(sendError)
  },
  { name: 'errors', dependencies: ['validation'] },
)
