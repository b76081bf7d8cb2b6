import type { Command } from 'commander'
import type { User } from '../db/schema.ts'
import type { Core } from '../domain/context.ts'
import { findUserNamed } from '../domain/names.ts'
import { excerpt } from '../domain/text.ts'
import { jsonOption } from './output.ts'
import { CommandError } from './run.ts'

/** A command about the user whose name is its first argument. */
export function aboutUser(parent: Command, name: string, description: string): Command {
  return parent.command(name).description(description).argument('<name>', 'exactly the name').addOption(jsonOption())
}

/** @throws {CommandError} when there is none */
export async function userNamed({ db }: Pick<Core, 'db'>, username: string): Promise<User> {
  const user = await findUserNamed(db.read, username)
  if (user === undefined) throw new CommandError(`there is no user "${excerpt(username)}"`)
  return user
}
