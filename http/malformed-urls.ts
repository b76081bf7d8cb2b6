import type { IncomingMessage } from 'node:http'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'

/** A path that no route has. */
const NOWHERE = '/-'

const errors = new WeakMap<IncomingMessage, FastifyError>()

/**
 * Lets a request whose URL the router refuses take the way of one to an unknown path. Otherwise Fastify would run no hook for it, and the
 * answer would lack what hooks bring: headers, also those of CORS, and the log line.
 */
export function passOn(error: FastifyError, { raw, server }: FastifyRequest, reply: FastifyReply): void {
  errors.set(raw, error)
  raw.url = NOWHERE
  server.routing(raw, reply.raw)
}

/** What the router said of the URL; undefined where that is well-formed. */
export function urlErrorOf({ raw }: FastifyRequest): FastifyError | undefined {
  return errors.get(raw)
}
