#!/usr/bin/env node
// The operator's command as `npx latchkey …` runs it, by the same Node as the server.
import { fileURLToPath } from 'node:url'

// Young objects in little room, as `npm start` has them: an import would take 40 MB more.
process.argv.splice(2, 0, '--max-semi-space-size=4', fileURLToPath(new URL('../cli.ts', import.meta.url)))
await import('./launch.mjs')
