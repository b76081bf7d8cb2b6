// Runs programs of the project one after the other, each as if it had this process to itself. Its parent sends the work over IPC,
// and reads what the programs write from the files that are this process's output.

/** A run of a program: its file, its arguments and its whole environment. */
export interface Job {
  readonly program: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Thrown by `process.exit`, so that the process can run the next program. */
class Exit {
  readonly code: number

  constructor(code: number) {
    this.code = code
  }
}

let runs = 0

process.exit = ((code = process.exitCode) => {
  throw new Exit(Number(code ?? 0))
}) as typeof process.exit

process.on('message', async (job: Job) => {
  process.send?.(await run(job))
})

/** Resolves to the exit code. */
async function run({ program, args, env }: Job): Promise<number> {
  for (const name of Object.keys(process.env)) delete process.env[name]
  Object.assign(process.env, env)
  process.argv.splice(1, Infinity, program, ...args)
  process.exitCode = undefined
  try {
    // A new query makes Node load the module again, so that the program runs again.
    await import(`${new URL(`../../${program}`, import.meta.url)}?run=${++runs}`)
    return Number(process.exitCode ?? 0)
  } catch (error) {
    if (error instanceof Exit) return error.code
    console.error(error)
    return 1
  } finally {
    // Otherwise the handlers of this program would run during the next one.
    for (const event of ['SIGTERM', 'SIGINT', 'SIGHUP', 'uncaughtException', 'warning']) process.removeAllListeners(event)
    process.stdout.removeAllListeners('error')
    process.exitCode = 0
  }
}
