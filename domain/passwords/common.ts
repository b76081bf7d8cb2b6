import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

/** The list as its package was made from it; the package's modules hold more lists, and unpack them all. */
const FILE = fileURLToPath(import.meta.resolve('@zxcvbn-ts/language-common/src/passwords.json'))

let list: Promise<string> | undefined

/**
 * Some 49 000 of the most used passwords, folded, as the text of a JSON array. A set of them would take six times the
 * memory, and hold the event loop for ten times as long when it is made as looking through the text does.
 */
export function commonPasswords(): Promise<string> {
  list ??= readFile(FILE, 'utf8')
  return list
}

/** @param password folded */
export async function isListed(password: string): Promise<boolean> {
  return (await commonPasswords()).includes(JSON.stringify(password))
}
