import { join } from 'node:path'
import type { Test } from 'tap'
import { openDatabase } from '../../../db/open.ts'
import type { User } from '../../../db/schema.ts'
import { folder, postTo, type Ran, type Service, start } from '../../server/process.ts'
import { runShared } from '../../server/shared-process.ts'
import { Django, type Model, SECRET_KEY } from './django.ts'

/** Where the tests have a PostgreSQL server: makes an empty database there. */
export type MakeDatabase = (name: string) => Promise<string>

/** A Django project with its users, and a Latchkey that is to take its place. */
export class Scenario {
  readonly django: Django
  /** The database of Latchkey. */
  readonly url: string
  readonly #t: Test
  readonly #source: { readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> }

  private constructor(t: Test, django: Django, url: string, djangoUrl: string | undefined) {
    this.#t = t
    this.django = django
    this.url = url
    this.#source =
      djangoUrl === undefined
        ? { args: [`file:${join(django.place, 'db.sqlite3')}`], env: {} }
        : { args: [], env: { DJANGO_DATABASE_URL: djangoUrl } }
  }

  /** On SQLite, or with both databases on a server. */
  static async begin(t: Test, model: Model, makeDatabase?: MakeDatabase): Promise<Scenario> {
    const url = (await makeDatabase?.(`latchkey-${model}`)) ?? `file:${join(folder(t), 'latchkey.db')}`
    const djangoUrl = await makeDatabase?.(`django-${model}`)
    await (await openDatabase(url)).close()
    return new Scenario(t, new Django(t, model, djangoUrl), url, djangoUrl)
  }

  get isOnServer(): boolean {
    return this.#source.args.length === 0
  }

  /** Runs the operator's command. */
  latchkey(...args: string[]): Promise<Ran> {
    return runShared({ DATABASE_URL: this.url, ...this.#source.env }, 'cli.ts', ...args)
  }

  /** Imports from Django's own database; resolves to the report. */
  async import(...args: string[]): Promise<Report> {
    const { code, stdout, stderr } = await this.latchkey('import', 'django', ...this.#source.args, '--json', ...args)
    const said = args.includes('--commit') ? '' : 'latchkey: nothing was written; --commit does it\n'
    this.#t.strictSame({ code, stderr }, { code: 0, stderr: said })
    return JSON.parse(stdout)
  }

  /** A service on the database, which takes the tokens of the project until a time. */
  serve(until: Date, env: Readonly<Record<string, string>> = {}): Promise<Service> {
    const legacy = { LEGACY_JWT_SECRET: SECRET_KEY, LEGACY_JWT_UNTIL: until.toISOString() }
    return start(this.#t, { DATABASE_URL: this.url, LOG_LEVEL: 'info', LIMITS: 'off', ...legacy, ...env })
  }

  async users(): Promise<User[]> {
    const db = await openDatabase(this.url)
    try {
      return await db.read.selectFrom('users').selectAll().orderBy('id').execute()
    } finally {
      await db.close()
    }
  }
}

/** What `import --json` prints. */
export interface Report {
  readonly rows: readonly { readonly id: number; readonly outcome: string; readonly reasons: readonly string[] }[]
  readonly users: Readonly<Record<string, number>>
  readonly revoked_tokens: number
}

/** A day before or after now. */
export const daysFromNow = (days: number) => new Date(Date.now() + days * 86_400_000)

/** Logs in over HTTP; resolves to the status and, where it is 200, the tokens. */
export async function logIn(service: Service, username: string, password: string): Promise<{ status: number; access?: string }> {
  const { status, body } = await postTo(`${service.url}/api/users/authentication/`, { username, password })
  return { status, ...(status === 200 && { access: (body as { access: string }).access }) }
}

/** The status of a request with a token. */
export async function statusOf(service: Service, path: 'refresh' | 'verify', token: string): Promise<number> {
  const body = path === 'refresh' ? { refresh: token } : { token }
  return (await postTo(`${service.url}/api/token/${path}/`, body)).status
}
