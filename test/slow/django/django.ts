import { spawn } from 'node:child_process'
import { cpSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import { folder } from '../../server/process.ts'
import { setUp } from '../clients/matrix.ts'
import { environment, needs, pypi } from '../python.ts'

/** Beside the current release of Simple JWT. */
const OLDER = 'requirements-5.4.0'
const python = environment(import.meta.dirname, [`${OLDER}.txt`])

/** The models of users that projects have. */
export type Model = 'auth.User' | 'shop.Customer' | 'Authentication_Token_App.UserLogin'

/** A user of a project, and what is typed at its login; null where nothing matches. */
export interface DjangoUser {
  readonly id: number
  readonly name: string
  readonly password: string | null
  readonly hash: string
  readonly active: boolean
}

export interface Pair {
  readonly refresh: string
  readonly access: string
}

/** The secret of the project's tokens. */
export const SECRET_KEY = 'django-insecure-0123456789!@#$%^&*(-_=+)abcdefghijklmnopqrstuv-x'

/** Installs Django; resolves to why it cannot be tried on this machine, where it cannot. */
export async function installDjango(t: Test): Promise<string | undefined> {
  const place = folder(t)
  cpSync(import.meta.dirname, place, { recursive: true })
  const ran = await setUp({ needs, install: python.install, registry: pypi }, place)
  if ('absent' in ran) return ran.absent
  t.equal(ran.code, 0, ran.output)
  return undefined
}

/** A Django project of its own, with SQLite unless it is given another database. */
export class Django {
  readonly place: string
  readonly model: Model
  /** On a server. */
  readonly databaseUrl: string | undefined
  readonly #env: Record<string, string>

  constructor(t: Test, model: Model, databaseUrl?: string) {
    this.model = model
    this.databaseUrl = databaseUrl
    this.place = folder(t)
    cpSync(join(import.meta.dirname, 'project'), this.place, { recursive: true })
    this.#env = { USER_MODEL: model, SECRET_KEY, ...(databaseUrl !== undefined && { DJANGO_DATABASE_URL: databaseUrl }) }
  }

  /** What a shell has in which the project's commands are run. */
  get env(): Record<string, string> {
    return { PATH: `${join(python.path, 'bin')}${delimiter}${process.env.PATH}`, PYTHONDONTWRITEBYTECODE: '1', ...this.#env }
  }

  /** Runs a verb of `tool.py`. @param simpleJwt its settings */
  async tool<T>(verb: string, input: unknown = null, simpleJwt: object = {}, isOlder = false): Promise<T> {
    const older = isOlder ? { PYTHONPATH: join(python.path, OLDER) } : {}
    const env = { ...this.env, SIMPLE_JWT: JSON.stringify(simpleJwt), ...older }
    return JSON.parse(await succeed('python', ['tool.py', verb], { cwd: this.place, env }, JSON.stringify(input))) as T
  }

  /** Pairs of tokens as this version of Simple JWT makes them. */
  tokens(wanted: readonly { id: number; dead?: boolean }[], version: '5.4.0' | '5.5.1', simpleJwt: object = {}): Promise<Pair[]> {
    return this.tool('tokens', wanted, simpleJwt, version === '5.4.0')
  }
}

/** Runs a program to its end; resolves to what it prints. @throws when it fails, with all that it wrote */
export async function succeed(
  command: string,
  args: readonly string[],
  options: { cwd: string; env: Record<string, string> },
  input = '',
): Promise<string> {
  const child = spawn(command, args, { ...options, stdio: 'pipe' })
  const ended = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('exit', resolve))
  child.stdin.on('error', () => {}).end(input)
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}\n${stdout.slice(-4000)}${stderr.slice(-4000)}`)
  return stdout
}
