import type { Command } from 'commander'
import { createUser, type PasswordsCore, setPassword } from '../domain/accounts/users.ts'
import { BreachCheck } from '../domain/passwords/breach-check.ts'
import { Estimator } from '../domain/passwords/estimator.ts'
import { Hashing } from '../domain/passwords/hashing.ts'
import { jsonOption, type OutputOptions, print } from './output.ts'
import { type PasswordOptions, passwordOption, readNewPassword } from './password.ts'
import { type Context, runCommand } from './run.ts'
import { rowOf, userDocument } from './user-document.ts'
import { aboutUser, userNamed } from './user-named.ts'

interface CreateOptions extends OutputOptions, PasswordOptions {
  readonly staff?: true
  readonly superuser?: true
}

const HOW = `
The password is asked for on a terminal, and else read from standard input: whole, less one line break at its end.`

/** `users create NAME`. */
export function addCreate(users: Command): void {
  users
    .command('create')
    .description('make a user, also while registration is closed')
    .argument('<name>', 'the name')
    .option('--staff', 'who looks after users that are neither staff nor superusers')
    .option('--superuser', 'who does all that can be done, and is staff, too')
    .addOption(passwordOption())
    .addOption(jsonOption())
    .addHelpText('after', HOW)
    .action((username: string, options: CreateOptions) =>
      runCommand(async (context) => {
        const password = await readNewPassword(options)
        const { staff, superuser: isSuperuser } = options
        const account = { username, password, isStaff: staff ?? isSuperuser, isSuperuser }
        const user = userDocument(await withPasswords(context, (core) => createUser(core, undefined, account)))
        print(options, user, [rowOf(user)])
      }),
    )
}

/** `users set-password NAME`. */
export function addSetPassword(users: Command): void {
  aboutUser(users, 'set-password', "set a user's password, and end all sessions")
    .addOption(passwordOption())
    .addHelpText('after', HOW)
    .action((name: string, options: OutputOptions & PasswordOptions) =>
      runCommand(async (context) => {
        const { id } = await userNamed(context, name)
        const password = await readNewPassword(options)
        await withPasswords(context, (core) => setPassword(core, undefined, id, password))
        const user = userDocument(await userNamed(context, name))
        print(options, user, [rowOf(user)])
      }),
    )
}

/** Does what takes a new password, by the same policy and cost as a service. */
async function withPasswords<T>(context: Context, work: (core: PasswordsCore) => Promise<T>): Promise<T> {
  const judging = { clock: () => performance.now(), log: { warn: (_: object, message: string) => console.error(`latchkey: ${message}`) } }
  const estimator = new Estimator(judging)
  const breachCheck = new BreachCheck({ url: context.config.breachCheckUrl, ...judging })
  try {
    return await work({ ...context, hashing: new Hashing(context), breachCheck, estimator })
  } finally {
    await estimator.close()
  }
}
