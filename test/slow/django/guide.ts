import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Test } from 'tap'
import { folder, ROOT, start } from '../../server/process.ts'
import { Django, type DjangoUser, type Pair, succeed } from './django.ts'
import { daysFromNow, logIn, statusOf } from './scenario.ts'

const GUIDE = readFileSync(join(ROOT, 'docs/moving-from-django.md'), 'utf8')

const NEWCOMER = `o'Neil "Bob" \\ ; :name --`

/** What stands in the blocks of a language in a section, without the indent of a list. */
function blocksOf(heading: string, language: string): string[] {
  const [, section = ''] = GUIDE.split(new RegExp(`^## ${heading}\n`, 'm'))
  const [own = ''] = section.split(/^## /m)
  return [...own.matchAll(new RegExp(`^( *)\`\`\`${language}\n([\\s\\S]*?)^ *\`\`\`$`, 'gm'))].map(([, indent = '', text = '']) =>
    text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  )
}

const settingsOf = (text: string) =>
  Object.fromEntries(
    text
      .trim()
      .split('\n')
      .map((line) => line.split(/=(.*)/s)),
  ) as Record<string, string>

/**
 * Walks through docs/moving-from-django.md with the project that it takes for its example.
 *
 * @param hashes `[password, hash]` of the project's users
 */
export async function runGuide(t: Test, hashes: readonly (readonly [string | null, string])[]): Promise<void> {
  const guided = new Guided(t)
  const users = await guided.django.tool<DjangoUser[]>('make', hashes)
  const user = users[0] as DjangoUser & { password: string }
  const [live] = (await guided.django.tokens([{ id: user.id }], '5.4.0')) as [Pair]

  writeFileSync(join(guided.django.place, 'ask.py'), blocksOf('Before', 'python')[0] as string)
  const asked = await guided.run('Before')
  t.match(asked, /^table Authentication_Token_App_userlogin \| id BigAutoField \| name username$/m)
  t.match(asked, /^ROTATE_REFRESH_TOKENS False$/m)
  t.match(await guided.run('Try it'), /\bread +\d/)
  await guided.run('Settings')

  const [settings = ''] = blocksOf('Settings', 'ini')
  const env = settingsOf(guided.placed(settings))
  const service = await start(t, { ...env, LOG_LEVEL: 'info', LEGACY_JWT_UNTIL: daysFromNow(1).toISOString() })
  guided.address = service.url
  await guided.run('Move')
  t.equal((await logIn(service, user.name, user.password)).status, 200)
  t.same([await statusOf(service, 'refresh', live.refresh), await statusOf(service, 'refresh', live.refresh)], [200, 200])

  t.equal((await fetch(`${service.url}/api/users/`, registration(NEWCOMER, user.password))).status, 201)
  if (spawnSync('sqlite3', ['--version']).status !== 0) {
    t.pass('there is no sqlite3', { skip: 'there is no sqlite3' })
    return
  }
  await guided.run('Going back')
  const newcomer = { id: (users.at(-1)?.id as number) + 2, password: user.password }
  t.match(await guided.django.tool('check', [user, newcomer]), [
    { name: user.name, accepted: true, algorithm: 'argon2' },
    { name: NEWCOMER, accepted: true, algorithm: 'argon2' },
  ])
}

const registration = (username: string, password: string) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ username, password }),
})

/** The places of the guide, on this machine. */
class Guided {
  readonly django: Django
  readonly #home: string
  readonly #programs: string
  address = 'http://localhost:3000'

  constructor(t: Test) {
    this.django = new Django(t, 'Authentication_Token_App.UserLogin')
    this.#home = folder(t)
    this.#programs = join(this.#home, 'bin')
    mkdirSync(this.#programs)
    const latchkey = join(this.#programs, 'latchkey')
    writeFileSync(latchkey, `#!/bin/sh\nexec '${process.execPath}' '${join(ROOT, 'cli.ts')}' "$@"\n`)
    chmodSync(latchkey, 0o755)
  }

  placed(text: string): string {
    return text
      .replaceAll('/srv/auth', this.django.place)
      .replaceAll('/srv/latchkey', this.#home)
      .replaceAll('http://localhost:3000', this.address)
  }

  /** Runs the commands of a section; resolves to what they print. */
  run(heading: string): Promise<string> {
    const before = ['set -eu', this.placed('export DATABASE_URL=file:/srv/latchkey/latchkey.db')]
    const script = [...before, ...blocksOf(heading, 'sh').map((block) => this.placed(block))].join('\n')
    const { PATH, ...env } = this.django.env
    const paths = `${this.#programs}${delimiter}${PATH}`
    return succeed('bash', ['-c', script], { cwd: this.django.place, env: { ...env, PATH: paths } })
  }
}
