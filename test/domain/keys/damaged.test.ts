import t from 'tap'
import { retireKey, rotateKeys } from '../../../domain/keys/commands.ts'
import { headerOf } from '../../helper.ts'
import { openSite, type Process } from './keys.ts'

const env = { SECRETS_KEY: Buffer.alloc(32, 1).toString('base64') }
const kidOf = (token: string) => headerOf(token).kid as string

async function privateKey({ db }: Process, kid: string): Promise<string | null> {
  const row = await db.read.selectFrom('signing_keys').select('private_key').where('kid', '=', kid).executeTakeFirstOrThrow()
  return row.private_key
}

/** Damages the stored private part of a key so that it no longer looks encrypted; resolves to what is stored then. */
async function damage(process: Process, kid: string): Promise<string> {
  const text = `x${await privateKey(process, kid)}`
  await process.db.write((handle) => handle.updateTable('signing_keys').set({ private_key: text }).where('kid', '=', kid).execute())
  return text
}

t.test('a damaged key that no longer looks encrypted is not encrypted once more, so it can be mended', async (t) => {
  const site = await openSite(t)
  const process = await site.start(env)
  const kid = kidOf(process.issue())
  const { kid: next } = await rotateKeys(process)
  const text = await damage(process, kid)
  await process.tick()
  t.equal(await privateKey(process, kid), text)
  await retireKey(process, next)
  t.equal(await privateKey(process, kid), text, 'nor by a command')
})

t.test('a process whose last key is damaged makes a new one', async (t) => {
  const site = await openSite(t)
  const process = await site.start(env)
  const first = kidOf(process.issue())
  const { kid: next } = await rotateKeys(process)
  await damage(process, next)
  await retireKey(process, first)
  await process.tick()
  t.notOk([first, next].includes(kidOf(process.issue())))
})
