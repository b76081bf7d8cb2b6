import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

/** The source of the package's list. Importing the package itself would unpack all its other lists, too. */
const FILE = fileURLToPath(import.meta.resolve('@zxcvbn-ts/language-common/src/passwords.json'))

let list: Promise<string> | undefined

/**
 * Some 49 000 of the most used passwords, folded, as the text of a JSON array. A Set of them would take six times the memory,
 * and making it would block the event loop ten times as long as one search in the text does.
 */
export function commonPasswords(): Promise<string> {
  list ??= readFile(FILE, 'utf8')
  return list
}

/** @param password folded */
export async function isListed(password: string): Promise<boolean> {
  return (await commonPasswords()).includes(JSON.stringify(password))
}
