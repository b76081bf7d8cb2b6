import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'

/** The page loads and calls nothing of other hosts. No upgrade-insecure-requests: the page must work on plain http, too. */
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
 * The page of the API for people, which can send requests. It uses only the files of @fastify/swagger-ui, read at the first request: its
 * plugin would take memory and start-up time in every process. All answers share one Buffer, so that clients that do not read theirs
 * hold no further memory.
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
