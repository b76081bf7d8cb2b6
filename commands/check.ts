import type { Command } from 'commander'
import { type Config, ConfigError, openingOf } from '../config.ts'
import type { Inspection } from '../db/database.ts'
import { DatabaseError } from '../db/errors.ts'
import { databaseExists, describeDatabase, inspectDatabase } from '../db/open.ts'
import { checkDatabase, type Finding, good, unlooked, wrong } from '../domain/checkup/checks.ts'
import { Secrets } from '../domain/keys/secrets.ts'
import { jsonOption, type OutputOptions, print } from './output.ts'
import { doubtfulSettings, settingsWith } from './run.ts'

/** `check`. */
export function addCheck(program: Command): void {
  program
    .command('check')
    .description('look for what is wrong with settings, database, tables, keys, clock and disk, and change nothing')
    .addOption(jsonOption())
    .addHelpText('after', '\nExit code 1 when something is wrong. Of a large file it takes a while, for all of it is read.')
    .action(async (options: OutputOptions) => {
      for (const doubt of doubtfulSettings()) console.error(`latchkey: ${doubt}`)
      const findings = await check()
      const checks = findings.map(({ check, isGood, detail }) => ({ check, is_good: isGood, detail }))
      const isGood = findings.every((finding) => finding.isGood)
      print(options, { is_good: isGood, checks }, findings.map(toRow))
      if (!isGood) process.exitCode = 1
    })
}

async function check(): Promise<Finding[]> {
  try {
    return [good('settings', 'each is what it must be'), ...(await checkWith(settingsWith({})))]
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return [...error.faults.map((fault) => wrong('settings', fault)), ...unlooked('settings')]
  }
}

async function checkWith(config: Config): Promise<Finding[]> {
  const { place } = describeDatabase(config.databaseUrl)
  try {
    const inspection = await inspect(config)
    if (typeof inspection === 'string') return [wrong('database', inspection), ...unlooked('database')]
    return await checkDatabase(inspection, place, { config, clock: Date.now, secrets: new Secrets(config) }).finally(inspection.close)
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error
    return [wrong('database', error.message), ...unlooked('database')]
  }
}

/** Resolves to why there is nothing to look at, where there is not. */
async function inspect(config: Config): Promise<Inspection | string> {
  const { databaseUrl: url } = config
  const { place, isShared } = describeDatabase(url)
  if (!isShared) return `DATABASE_URL is ${place}, and only the server itself can see into its memory`
  if (!(await databaseExists(url, openingOf(config)))) return `there is no database at ${place}; the server makes it at its first start`
  return inspectDatabase(url, openingOf(config))
}

function toRow({ check, isGood, detail }: Finding) {
  return { check, result: isGood === null ? '-' : isGood ? 'good' : 'wrong', detail }
}
