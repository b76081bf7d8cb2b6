import type { Command } from 'commander'
import { KeyCommandError, type KeyInfo, listKeys, retireKey, rotateKeys } from '../domain/keys/commands.ts'
import { instant, jsonOption, type OutputOptions, print } from './output.ts'
import { CommandError, runCommand } from './run.ts'

/** `keys list`, `keys rotate`, `keys retire KID`. */
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
    .description('make a new key; it signs once it has been published for as long as verifiers may cache')
    .addOption(jsonOption())
    .action((options: OutputOptions) =>
      runKeyCommand(async (context) => {
        const row = toRow(await rotateKeys(context))
        print(options, row, [row])
      }),
    )

  keys
    .command('retire')
    .description('withdraw a key that somebody else may have: it and its tokens are refused from now on')
    .argument('<kid>', 'its kid')
    .addOption(jsonOption())
    .action((kid: string, options: OutputOptions) =>
      runKeyCommand(async (context) => {
        const { retired, signing } = await retireKey(context, kid)
        const rows = [retired, ...(signing ? [signing] : [])].map(toRow)
        print(options, { retired: rows[0], signing: rows[1] ?? null }, rows)
      }),
    )
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

function toRow({ kid, algorithm, state, createdAt, signsFrom, verifiesUntil, retiredAt }: KeyInfo) {
  return {
    kid,
    algorithm,
    state,
    created_at: instant(createdAt),
    signs_from: instant(signsFrom),
    verifies_until: instant(verifiesUntil),
    retired_at: retiredAt === null ? null : instant(retiredAt),
  }
}
