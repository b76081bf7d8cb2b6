import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type Command, cache, type Generator, type Registry } from './clients/matrix.ts'

// Virtual environments of Python, for what is tried with its packages.

export const needs: NonNullable<Generator['needs']> = [
  { command: ['python3', '--version'], prints: /^Python 3\.(1[1-9]|[2-9]\d)\./ },
  // What a virtual environment is made with; Debian has it in a package of its own.
  { command: ['python3', '-m', 'ensurepip', '--version'], prints: /^pip \d/ },
]

/** Asks for a small package, past what `pip` has kept. */
export const pypi: Registry = {
  name: 'PyPI',
  ask: ['python3', '-m', 'pip', 'download', '--quiet', '--no-cache-dir', '--no-deps', '--dest', 'asked', 'typing-extensions'],
}

const python = spawnSync('python3', ['--version'], { encoding: 'utf8' }).stdout ?? ''

/**
 * The virtual environment of a folder, which is kept until its requirements or Python change, and how it is made; the commands run in a copy of
 * the folder.
 *
 * @param folder has a `requirements.txt` with hashes
 * @param also files with further requirements, each installed to a folder of its own within the environment, which bears the file's name
 */
export function environment(folder: string, also: readonly string[] = []): { path: string; install: readonly Command[] } {
  const hash = createHash('sha256').update(python)
  for (const file of ['requirements.txt', ...also]) hash.update(readFileSync(join(folder, file)))
  const path = join(cache, `python-${hash.digest('hex').slice(0, 16)}`)
  const complete = join(path, 'requirements.txt')
  if (existsSync(complete)) return { path, install: [] }
  const pip = [join(path, 'bin/pip'), 'install', '--quiet', '--require-hashes'] as const
  const further = also.map((file): Command => [...pip, '--no-deps', '--target', join(path, basename(file, '.txt')), '--requirement', file])
  const create: Command = ['python3', '-m', 'venv', '--clear', path]
  return { path, install: [create, [...pip, '--requirement', 'requirements.txt'], ...further, ['cp', 'requirements.txt', complete]] }
}
