// What Latchkey is measured against: bare Fastify routes that parse the same bodies and answer the same bytes, and do
// only what cannot be left out in between.
import { verify as argon2Verify } from '@node-rs/argon2'
import Fastify, { type FastifyReply, type FastifyRequest, LogController } from 'fastify'
import { securityHeaders } from '../http/headers.ts'
import { openEngine, passwordHash } from './database.ts'

const url = process.env.BENCH_DATABASE as string
const engine = await openEngine(url)
const hash = await passwordHash(url)

const headers = { ...securityHeaders('http://localhost'), 'x-request-id': '00000000-0000-4000-8000-000000000000' }
const tokenHeaders = { ...headers, 'cache-control': 'no-store' }
/** Texts of the same length as the tokens of a login. */
const pair = { refresh: 'r'.repeat(415), access: 'a'.repeat(443) }

const app = Fastify({ logger: { level: 'warn' }, logController: new LogController({ disableRequestLogging: true }) })

app.post('/nothing', async (_request, reply) => {
  reply.headers(headers)
  return {}
})

app.post('/signature-check', async (request: FastifyRequest<{ Body: { token: string } }>, reply) => {
  reply.headers(headers)
  engine.verifyAccess(request.body.token)
  return {}
})

app.post('/verify-and-sign-both', async (request: FastifyRequest<{ Body: { refresh: string } }>, reply) => {
  reply.headers(tokenHeaders)
  const claims = engine.verifyRefresh(request.body.refresh)
  return { access: engine.signAccess(claims), refresh: engine.signRefresh(claims) }
})

/** A route that only hashes passwords, as many at the same time as Node's pool has threads. */
const argon2Route = (status: number, answer: object) => async (request: FastifyRequest, reply: FastifyReply) => {
  reply.headers(tokenHeaders)
  await argon2Verify(hash, (request.body as { password: string }).password)
  return reply.code(status).send(answer)
}
app.post('/argon2-for-login', argon2Route(200, pair))
app.post('/argon2-for-registration', argon2Route(201, { message: 'User created successfully' }))

app.get('/health/ready', async () => ({ status: 'ok' }))

await app.listen({ port: Number(process.env.PORT) })
