#!/usr/bin/env node
// The operator's command as `npx latchkey …` runs it, by the same Node as the server.
import { fileURLToPath } from 'node:url'

process.argv.splice(2, 0, fileURLToPath(new URL('../cli.ts', import.meta.url)))
await import('./launch.mjs')
