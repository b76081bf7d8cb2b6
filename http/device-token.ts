import type { FastifyRequest } from 'fastify'

/** The `X-Device-Token` of a request: a refresh token that the client had before. What comes twice, Node joins, and it is no token then. */
export function deviceTokenOf({ headers }: Pick<FastifyRequest, 'headers'>): string | undefined {
  const token = headers['x-device-token']
  return typeof token === 'string' ? token : undefined
}
