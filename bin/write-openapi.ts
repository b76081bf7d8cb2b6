// Writes the API document into the repository, in 3.1 and 3.0: `npm run openapi`. A test fails when it is stale.
import { writeFile } from 'node:fs/promises'
import { buildApp } from '../app.ts'
import { loadConfig } from '../config.ts'

const app = await buildApp({ config: loadConfig({ DATABASE_URL: ':memory:', LOG_LEVEL: 'silent' }) })
await app.ready()
for (const path of ['openapi.json', 'openapi-3.0.json']) {
  const document = (await app.inject(`/${path}`)).json()
  await writeFile(new URL(`../${path}`, import.meta.url), `${JSON.stringify(document, null, 2)}\n`)
}
await app.close()
