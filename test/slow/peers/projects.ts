import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, globSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type Command, run } from '../clients/matrix.ts'

/** A folder of `test/slow/peers`, and how the programs in it are built. */
export interface Project {
  readonly folder: string
  /** A program that has to be there, and what it prints when it is new enough. */
  readonly needs: Command
  readonly prints: RegExp
  readonly build: readonly Command[]
  /** Prints what the programs run on as long as they are kept: another one needs another build. */
  readonly runsOn?: Command
  /** What a build leaves behind that no program needs. */
  readonly leftovers?: string
}

export const node: Project = { folder: 'node', needs: [process.execPath, '-v'], prints: /^v/, build: [['npm', 'ci', '--ignore-scripts']] }
export const go: Project = {
  folder: 'go',
  needs: ['go', 'version'],
  prints: /go1\.(2[1-9]|[3-9]\d)/,
  build: [['go', 'build', '-o', 'bin/', './...']],
}
export const fastapi: Project = {
  folder: 'fastapi',
  needs: ['python3', '-c', 'import ensurepip, sys, venv; print(sys.version)'],
  prints: /^3\.(1[1-9]|[2-9]\d)/,
  build: [
    ['python3', '-m', 'venv', 'venv'],
    ['venv/bin/pip', 'install', '-q', '-r', 'requirements.txt'],
  ],
  runsOn: ['python3', '--version'],
}
export const spring: Project = {
  folder: 'spring',
  needs: ['mvn', '-version'],
  prints: /Java version: (1[7-9]|[2-9]\d)/,
  build: [['mvn', '-q', '-B', 'package']],
}
export const axum: Project = {
  folder: 'axum',
  needs: ['cargo', '--version'],
  prints: /cargo 1\.(8[89]|9\d|\d{3})/,
  build: [
    [
      'env',
      'CARGO_PROFILE_DEV_DEBUG=0',
      'cargo',
      'install',
      '-q',
      '--debug',
      '--locked',
      '--path',
      '.',
      '--root',
      '.',
      '--target-dir',
      'target',
    ],
  ],
  leftovers: 'target',
}

const SOURCES = import.meta.dirname
/** What was built is kept between runs; what was downloaded for it stays where each tool keeps its downloads. */
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'latchkey-peers')

/** Why the programs of a project cannot be tried on this machine; undefined where they can. */
export async function missing({ needs, prints }: Project): Promise<string | undefined> {
  const { output } = await run(needs, SOURCES)
  return prints.test(output) ? undefined : `\`${needs.join(' ')}\` does not print ${prints}`
}

/** Builds the programs of a project, unless these sources were built before. */
export async function build(project: Project): Promise<void> {
  const place = placeOf(project)
  if (existsSync(place)) return
  const draft = `${place}.${process.pid}`
  mkdirSync(cache, { recursive: true })
  cpSync(join(SOURCES, project.folder), draft, { recursive: true })
  for (const command of project.build) {
    const { code, output } = await run(command, draft)
    if (code === 0) continue
    rmSync(draft, { recursive: true, force: true })
    throw new Error(`${command.join(' ')}\n${output.slice(-4000)}`)
  }
  if (project.leftovers) rmSync(join(draft, project.leftovers), { recursive: true })
  for (const old of readdirSync(cache)) if (isBuilt(old, project)) rmSync(join(cache, old), { recursive: true })
  renameSync(draft, place)
}

/** Whether it is a place of the project; drafts, which another run may be at work on, have a dot in their names. */
const isBuilt = (name: string, { folder }: Project) => name.startsWith(`${folder}-`) && !name.includes('.')

/** Where the programs of a project are when they have been built: other sources have another place. */
export function placeOf({ folder, build, runsOn }: Project): string {
  const hash = createHash('sha256').update(JSON.stringify(build))
  if (runsOn) hash.update(spawnSync(runsOn[0], runsOn.slice(1), { encoding: 'utf8' }).stdout ?? '')
  const root = join(SOURCES, folder)
  for (const file of globSync('**', { cwd: root }).sort()) {
    if (statSync(join(root, file)).isFile()) hash.update(`${file}\0`).update(readFileSync(join(root, file)))
  }
  return join(cache, `${folder}-${hash.digest('hex').slice(0, 16)}`)
}
