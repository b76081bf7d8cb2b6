// Not on PostgreSQL: it uses no database.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { folder } from '../server/process.ts'
import { latchkey } from './latchkey.ts'

/** What is typed before Tab, the last word being completed, and what is offered. */
const TYPED: readonly [words: readonly string[], offered: readonly string[]][] = [
  [['us'], ['users']],
  [
    ['keys', 'r'],
    ['rotate', 'retire'],
  ],
  [
    ['keys', 'retire', '--'],
    ['--all', '--json', '--help'],
  ],
  [
    ['keys', 'rotate', '--json', '--use', ''],
    ['access', 'refresh'],
  ],
  [
    ['events', '--kind', 'login_'],
    ['login_failed', 'login_throttled'],
  ],
  [
    ['completion', ''],
    ['bash', 'zsh', 'fish', '--help'],
  ],
  [['keys', 'list', 'retire', '--al'], []],
  [['nonsense'], []],
]

/** The option of a test that starts a shell. */
function withShell(shell: string): { skip: string | false } {
  return { skip: spawnSync(shell, ['--version']).error !== undefined && `there is no ${shell}` }
}

/** Lets a shell read the script, and do what `asking` says. Resolves to what it prints. */
async function asked(t: Test, shell: string, args: readonly string[], asking: (script: string) => string): Promise<string> {
  const file = join(folder(t), 'script')
  const { code, stdout, stderr } = await latchkey('file:/nowhere/latchkey.db', 'completion', shell)
  t.strictSame({ code, stderr }, { code: 0, stderr: '' })
  writeFileSync(file, stdout)
  const ran = spawnSync(shell, [...args, '-c', asking(file)], { encoding: 'utf8', env: { PATH: process.env.PATH, HOME: folder(t) } })
  t.equal(ran.stderr, '')
  return ran.stdout
}

/** What was offered for each of `TYPED`, in any order. */
function offersOf(output: string): string[][] {
  return output
    .split('.\n')
    .slice(0, -1)
    .map((text) => text.split('\n').filter(Boolean).sort())
}

const expected = TYPED.map(([, offered]) => [...offered].sort())
const quoted = (words: readonly string[]) => words.map((word) => `'${word}'`).join(' ')

t.test('bash completes commands, options and their values by the script that completion bash prints', withShell('bash'), async (t) => {
  const printed = await asked(t, 'bash', ['--norc'], (file) =>
    [
      `source ${file}; complete -p latchkey >/dev/null || exit`,
      ...TYPED.map(
        ([words]) =>
          `COMP_WORDS=(latchkey ${quoted(words)}); COMP_CWORD=${words.length}; _latchkey; printf '%s\\n' "\${COMPREPLY[@]}"; echo .`,
      ),
      `COMP_WORDS=(latchkey keys rotate --use = r); COMP_CWORD=5; _latchkey; printf '%s\\n' "\${COMPREPLY[@]}"; echo .`,
    ].join('\n'),
  )
  t.strictSame(offersOf(printed), [...expected, ['refresh']])
})

t.test('zsh offers the same, with what each is, by the script that completion zsh prints', withShell('zsh'), async (t) => {
  const printed = await asked(t, 'zsh', ['-f'], (file) =>
    [
      // What zsh itself does with what it is offered: those that begin as the word does.
      `compdef() { :; }; _describe() { for each in $offers; do [[ $each == $words[CURRENT]* ]] && print -r -- "\${each%%:*}"; done }`,
      `source ${file}`,
      ...TYPED.map(([words]) => `words=(latchkey ${quoted(words)}); CURRENT=$#words; _latchkey; print .`),
    ].join('\n'),
  )
  t.strictSame(offersOf(printed), expected)
})

t.test('fish offers the same by the script that completion fish prints', withShell('fish'), async (t) => {
  const printed = await asked(t, 'fish', ['--no-config'], (file) =>
    [`source ${file}`, ...TYPED.map(([words]) => `complete -C 'latchkey ${words.join(' ')}' | string replace -r '\\t.*' ''; echo .`)].join(
      '\n',
    ),
  )
  // It offers options only once a dash is typed.
  const withoutOptions = TYPED.map(([words, offered]) => offered.filter((word) => !word.startsWith('--') || words.at(-1)?.startsWith('-')))
  t.strictSame(
    offersOf(printed),
    withoutOptions.map((offered) => [...offered].sort()),
  )
})
