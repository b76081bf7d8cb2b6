import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'

/** Nothing comes from another host, and nothing of another host is called. No upgrade to https: the page works on plain http, too. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Latchkey API</title>
<link rel="icon" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`

const script = `SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  displayRequestDuration: true,
  validatorUrl: null,
  defaultModelsExpandDepth: 0,
  requestSnippetsEnabled: true,
})
`

const assets = { 'swagger-ui-bundle.js': 'text/javascript', 'swagger-ui.css': 'text/css', 'favicon-32x32.png': 'image/png' }

/**
 * The document for people: it ships with its scripts, needs no other host, and can try a call. Only the files of
 * @fastify/swagger-ui are used, read when they are first asked for: its plugin costs every process memory and start-up
 * time, and few are ever asked for the page. All answers share what was read: clients that do not read theirs cost no more.
 */
const routes: FastifyPluginAsyncTypebox = async (app) => {
  const schema = { hide: true }
  app.get('/docs', { schema }, async (_request, reply) =>
    reply.header('content-security-policy', CONTENT_SECURITY_POLICY).type('text/html; charset=utf-8').send(page),
  )
  app.get('/docs/start.js', { schema }, async (_request, reply) => reply.type('text/javascript; charset=utf-8').send(script))
  for (const [name, type] of Object.entries(assets)) {
    const file = fileURLToPath(import.meta.resolve(`@fastify/swagger-ui/static/${name}`))
    let content: Promise<Buffer> | undefined
    app.get(`/docs/${name}`, { schema }, async (_request, reply) => {
      reply.header('cache-control', 'public, max-age=3600').type(type)
      content ??= readFile(file)
      return content
    })
  }
}

export default routes
