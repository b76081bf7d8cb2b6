// Prints the software bill of materials, CycloneDX as npm makes it: every package of the lock file that the service
// runs with. Those of other platforms are in it, too, as optional.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const work = mkdtempSync(join(tmpdir(), 'latchkey-sbom-'))
/** npm takes the name of the project from its folder. */
const folder = join(work, 'latchkey')

interface Locked {
  readonly dev?: boolean
  readonly link?: boolean
}

const read = (name: string) => JSON.parse(readFileSync(join(root, name), 'utf8'))
const write = (name: string, value: object) => writeFileSync(join(folder, name), JSON.stringify(value))

try {
  // `npm sbom --omit=dev` also leaves out packages that service and tools share, such as Ajv: so it gets a project without tools.
  const { devDependencies: _, ...manifest } = read('package.json')
  const lock = read('package-lock.json')
  // What is a link is a folder of the project: it is for the tests, although npm does not say so.
  const isUsed = ([path, { dev, link }]: [string, Locked]) => path !== '' && !dev && !link
  const packages = Object.entries<Locked>(lock.packages).filter(isUsed)
  mkdirSync(folder)
  write('package.json', manifest)
  write('package-lock.json', { ...lock, packages: { '': manifest, ...Object.fromEntries(packages) } })
  const args = ['sbom', '--package-lock-only', '--sbom-format=cyclonedx', '--sbom-type=application']
  process.exitCode = spawnSync('npm', args, { cwd: folder, stdio: 'inherit', shell: process.platform === 'win32' }).status ?? 1
} finally {
  rmSync(work, { recursive: true })
}
