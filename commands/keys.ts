import { type Command, Option } from 'commander'
import { instant } from '../domain/clock.ts'
import { KeyCommandError, listKeys, type Retirement, retireAllKeys, retireKey, rotateKeys } from '../domain/keys/commands.ts'
import type { KeyInfo } from '../domain/keys/describe.ts'
import { jsonOption, type OutputOptions, print } from './output.ts'
import { CommandError, runCommand } from './run.ts'

interface RotateOptions extends OutputOptions {
  readonly use: KeyInfo['use']
}

interface RetireOptions extends OutputOptions {
  readonly all?: true
}

/** `keys list`, `keys rotate`, `keys retire KID`, `keys retire --all`. */
export function addKeys(program: Command): void {
  const keys = program.command('keys').description('the keys that sign tokens; running services take a change up within a second')

  keys
    .command('list')
    .description('list all keys, newest first')
    .addOption(jsonOption())
    .action((options: OutputOptions) =>
      runKeyCommand(async (context) => {
        const rows = (await listKeys(context)).map(toRow)
        print(options, rows, rows)
      }),
    )

  keys
    .command('rotate')
    .description('let the next key take over, once it has been published for as long as verifiers may cache')
    .addOption(new Option('--use <type>', 'of the tokens of this type').choices(['access', 'refresh']).default('access'))
    .addOption(jsonOption())
    .action((options: RotateOptions) =>
      runKeyCommand(async (context) => {
        const row = toRow(await rotateKeys(context, options.use))
        print(options, row, [row])
      }),
    )

  keys
    .command('retire')
    .description('withdraw a key that somebody else may have: it and its tokens are refused from now on')
    .argument('[kid]', 'its kid')
    .addOption(new Option('--all', 'all keys, when somebody else may have a copy of the database: everybody has to log in again'))
    .addOption(jsonOption())
    .action((kid: string | undefined, options: RetireOptions, command: Command) => {
      if ((kid === undefined) !== (options.all === true)) command.error('error: give the kid of one key, or --all')
      return runKeyCommand(async (context) => {
        if (kid === undefined) printAll(options, await retireAllKeys(context))
        else printOne(options, await retireKey(context, kid))
      })
    })
}

/** The key, and the one that signs in its place. */
function printOne(options: OutputOptions, { retired: [retired], signing }: Retirement): void {
  const inItsPlace = signing.filter(({ use }) => use === retired?.use)
  const rows = [...(retired ? [retired] : []), ...inItsPlace].map(toRow)
  print(options, { retired: rows[0], signing: rows[1] ?? null }, rows)
}

function printAll(options: OutputOptions, { retired, signing }: Retirement): void {
  print(options, { retired: retired.map(toRow), signing: signing.map(toRow) }, [...retired, ...signing].map(toRow))
}

function runKeyCommand(work: Parameters<typeof runCommand>[0]): Promise<void> {
  return runCommand(async (context) => {
    try {
      await work(context)
    } catch (error) {
      throw error instanceof KeyCommandError ? new CommandError(error.message) : error
    }
  })
}

function toRow({ kid, use, algorithm, state, createdAt, signsFrom, verifiesUntil, retiredAt }: KeyInfo) {
  return {
    kid,
    use,
    algorithm,
    state,
    created_at: instant(createdAt),
    signs_from: instant(signsFrom),
    verifies_until: instant(verifiesUntil),
    retired_at: retiredAt === null ? null : instant(retiredAt),
  }
}
