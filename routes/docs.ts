import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { pathOf } from '../http/known-paths.ts'

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

/**
 * All references are relative: the address in the browser may have a path before `/docs`, which a proxy takes off, and another host and
 * port than `PUBLIC_URL`.
 *
 * @param folder where the files of the page are, seen from its own address
 */
const page = (folder: string) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Latchkey API</title>
<link rel="icon" href="${folder}favicon-32x32.png">
<link rel="stylesheet" href="${folder}swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="${folder}swagger-ui-bundle.js"></script>
<script src="${folder}start.js"></script>
</body>
</html>
`
const pageOfDocs = page('docs/')
const pageOfDocsSlash = page('')

/** The page calls the service where it was loaded from, and not at `PUBLIC_URL`, which its policy and CORS forbid from another origin. */
const script = `const service = new URL('..', document.currentScript.src)
const description = new URL('openapi.json', service).href

SwaggerUIBundle({
  url: description,
  responseInterceptor: (answer) => {
    if (answer.url === description && answer.ok) {
      const servers = [{ url: service.href.replace(/\\/$/, '') }]
      answer.text = JSON.stringify({ ...JSON.parse(answer.text), servers })
    }
    return answer
  },
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
  app.get('/docs', { schema }, async ({ url }, reply) => {
    reply.header('content-security-policy', CONTENT_SECURITY_POLICY).type('text/html; charset=utf-8')
    return pathOf(url).endsWith('/') ? pageOfDocsSlash : pageOfDocs
  })
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
