// Writes the API document into the repository: `npm run openapi`. A test fails when it is stale.
import { writeFile } from 'node:fs/promises'
import { buildApp } from '../app.ts'
import { loadConfig } from '../config.ts'

const app = await buildApp({ config: loadConfig({ DATABASE_URL: ':memory:', LOG_LEVEL: 'silent' }) })
await app.ready()
await writeFile(new URL('../openapi.json', import.meta.url), `${JSON.stringify(app.apiDocument(), null, 2)}\n`)
await app.close()
