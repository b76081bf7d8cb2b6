import Fastify from 'fastify'
import { asked, offline, tokenOf } from './latchkey.mjs'

const app = Fastify()
app.decorateRequest('user')

/** Lets pass whose token is good by `check`, as `request.user`. */
const protectedBy = (check) => async (request, reply) => {
  const token = tokenOf(request.headers.authorization)
  if (token === undefined) return reply.code(401).header('WWW-Authenticate', 'Bearer').send()
  try {
    request.user = await check(token)
  } catch (error) {
    console.error(`no verdict on a token: ${error.message}`)
    return reply.code(503).send()
  }
  if (request.user === undefined) return reply.code(401).header('WWW-Authenticate', 'Bearer error="invalid_token"').send()
}

app.get('/me', { onRequest: protectedBy(offline) }, (request) => request.user)
app.get('/asked', { onRequest: protectedBy(asked) }, (request) => request.user)
await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' })
