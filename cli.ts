import { constants } from 'node:os'
import { Command, CommanderError } from 'commander'
import { addBackup } from './commands/backup.ts'
import { addCheck } from './commands/check.ts'
import { addClients } from './commands/clients.ts'
import { addCompletion } from './commands/completion.ts'
import { addEvents } from './commands/events.ts'
import { addExport } from './commands/export.ts'
import { addImport } from './commands/import.ts'
import { addKeys } from './commands/keys.ts'
import { addMigrate } from './commands/migrate.ts'
import { addMove } from './commands/move.ts'
import { addRestore } from './commands/restore.ts'
import { addSessions } from './commands/sessions.ts'
import { refuseUndecoded, withExcerpts } from './commands/usage.ts'
import { addUsers } from './commands/users.ts'
import manifest from './package.json' with { type: 'json' }

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
const FAILED = 1
const WRONG_USAGE = 2

// As in server.ts: what is made anew is for the user of the process alone.
process.umask(0o077)

const program = new Command('latchkey')
  .description("The operator's command: works on the database of the service, beside it or while it is stopped.")
  .version(manifest.version)
  .addHelpText(
    'after',
    `
The settings are the server's own: the same environment variables, above all DATABASE_URL.
A name that begins with a dash goes after --, as in: latchkey users disable -- -alice
Exit codes: 0 it is done; ${FAILED} it failed, for the reason on standard error; ${WRONG_USAGE} wrong usage.`,
  )
  .showHelpAfterError('(see --help; a name that begins with a dash goes after --)')
  .configureOutput({ outputError: (message, write) => write(withExcerpts(message, process.argv.slice(2))) })
  .exitOverride()
const parts = [
  addUsers,
  addSessions,
  addKeys,
  addClients,
  addEvents,
  addMigrate,
  addMove,
  addExport,
  addImport,
  addBackup,
  addRestore,
  addCheck,
  addCompletion,
]
for (const addTo of parts) addTo(program)

// The first process of a container is deaf to signals that it does not handle. Elsewhere they end it by themselves, and so tell a shell.
if (process.pid === 1) for (const signal of SIGNALS) process.on(signal, () => process.exit(128 + constants.signals[signal]))

// A reader such as `head` may close the pipe before everything is printed; that is no error, and nobody reads what would come.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit()
  console.error(`latchkey: cannot print the result: ${error.message}`)
  process.exit(FAILED)
})

try {
  refuseUndecoded(program, process.argv)
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) throw error
  process.exitCode = error.exitCode === 0 ? 0 : WRONG_USAGE
}
