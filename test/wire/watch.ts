import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

/** By its whole path: the service names no file otherwise. */
const OWN_FILE = /^\/.*\/latchkey\.db(-wal|-shm)?$/

/** The bytes of the database and of the log of its writes. */
export function bytesIn(path: string): Buffer {
  return Buffer.concat([fs.readFileSync(`${path}/latchkey.db`), fs.readFileSync(`${path}/latchkey.db-wal`)])
}

/**
 * The names of the functions of node:fs and node:fs/promises that are called during some work. Not the looks at the files of a
 * database: any service in this process has some every two seconds.
 */
export async function filesTouched(work: () => Promise<unknown>): Promise<string[]> {
  const calls: string[] = []
  const restore = [watch(fs, calls), watch(fs.promises, calls)]
  syncBuiltinESMExports()
  try {
    await work()
  } finally {
    for (const undo of restore) undo()
    syncBuiltinESMExports()
  }
  return calls
}

function watch(module: object, calls: string[]): () => void {
  // Classes begin with a capital, and are getters that cannot be assigned.
  const functions = Object.entries(module).filter(([name, value]) => typeof value === 'function' && /^[a-z]/.test(name))
  for (const [name, value] of functions) {
    const apply = (target: () => unknown, self: unknown, values: unknown[]) => {
      if (!(name === 'statSync' && OWN_FILE.test(String(values[0])))) calls.push(name)
      return Reflect.apply(target, self, values)
    }
    Object.assign(module, { [name]: new Proxy(value, { apply }) })
  }
  return () => void Object.assign(module, Object.fromEntries(functions))
}
