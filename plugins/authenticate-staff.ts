import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { type Staff, staffOf } from '../domain/accounts/authorize.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The user who asks, on routes for staff. */
    staff: Staff
  }
  interface FastifyInstance {
    /** Hook: does what `authenticate` does, and sets `request.staff`; throws a `Problem` when the user is not staff now. */
    authenticateStaff(request: FastifyRequest): Promise<void>
    /** Hook: the same for superusers. */
    authenticateSuperuser(request: FastifyRequest): Promise<void>
  }
}

export default fp(
  async (app) => {
    app.decorateRequest('staff', null as unknown as Staff)
    const authenticate = (need: 'staff' | 'superuser') => async (request: FastifyRequest) => {
      await app.authenticate(request)
      request.staff = await staffOf(app, request.user, need)
    }
    app.decorate('authenticateStaff', authenticate('staff'))
    app.decorate('authenticateSuperuser', authenticate('superuser'))
  },
  { name: 'authenticate-staff', dependencies: ['authenticate'] },
)
