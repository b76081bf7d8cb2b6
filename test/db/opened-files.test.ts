// Not on PostgreSQL: it is about SQLite's file.
import { copyFileSync, linkSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import SQLite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { DatabaseLost, DatabaseUnavailable } from '../../db/errors.ts'
import { openDatabase } from '../../db/open.ts'
import { OpenedFiles } from '../../db/sqlite/opened-files.ts'
import { folder } from '../server/process.ts'
import { insert, names } from './file.ts'

const LOST = { message: /(deleted or moved|replaced by another file) while the database was open\. Nothing is read or written any more/ }

/** An open database with one user, in a folder of its own that can be moved. */
async function opened(t: Test) {
  const file = join(folder(t), 'data/latchkey.db')
  const db = await openDatabase(`file:${file}`)
  t.teardown(() => db.close())
  await db.write((handle) => insert(handle, 'alice'))
  return { db, file, dir: dirname(file), files: new OpenedFiles(file, { lookAgainMs: 0 }) }
}

function replace(file: string): void {
  copyFileSync(file, `${file}.restored`)
  renameSync(`${file}.restored`, file)
}

/** What loses the files of a database, and how that is said; DIR is its folder. */
const LOSSES: readonly [name: string, lose: (file: string, dir: string) => void, said: string][] = [
  ['is deleted', (file) => unlinkSync(file), 'DIR/latchkey.db was deleted or moved'],
  ['is moved', (file) => renameSync(file, `${file}.old`), 'DIR/latchkey.db was deleted or moved'],
  ['is replaced', replace, 'DIR/latchkey.db was replaced by another file'],
  ['is deleted and made anew, empty', emptied, 'DIR/latchkey.db was replaced by another file'],
  ['is replaced by a folder', folderAsFile, 'DIR/latchkey.db was replaced by another file'],
  ['is replaced by a link in a circle', circle, 'DIR/latchkey.db was deleted or moved'],
  ['has its folder moved', (_, dir) => renameSync(dir, `${dir}-old`), 'DIR/latchkey.db was deleted or moved'],
  ['has its folder replaced by a file', fileAsFolder, 'DIR/latchkey.db was deleted or moved'],
  ['loses its write-ahead log', (file) => unlinkSync(`${file}-wal`), 'DIR/latchkey.db-wal was deleted or moved'],
  ['has its write-ahead log replaced', (file) => replace(`${file}-wal`), 'DIR/latchkey.db-wal was replaced by another file'],
  ['loses what processes share', (file) => unlinkSync(`${file}-shm`), 'DIR/latchkey.db-shm was deleted or moved'],
]

function emptied(file: string): void {
  unlinkSync(file)
  writeFileSync(file, '')
}

function circle(file: string): void {
  unlinkSync(file)
  symlinkSync(file, file)
}

function folderAsFile(file: string): void {
  unlinkSync(file)
  mkdirSync(file)
}

function fileAsFolder(_: string, dir: string): void {
  renameSync(dir, `${dir}-old`)
  writeFileSync(dir, '')
}

for (const [name, lose, said] of LOSSES) {
  t.test(`a database that ${name} is lost: nothing is read or written any more`, async (t) => {
    const { db, file, dir } = await opened(t)
    lose(file, dir)
    const lost = await db.look().catch((error) => error)
    t.type(lost, DatabaseLost)
    t.equal(
      lost.message.replaceAll(dir, 'DIR'),
      `${said} while the database was open. Nothing is read or written any more until the service is restarted: ` +
        'stop it, put the database back or restore a backup, and start it',
    )
    t.equal(await db.check().catch((error) => error), lost)
    t.equal(await db.look().catch((error) => error), lost)
    t.equal(await db.write((handle) => insert(handle, 'bob')).catch((error) => error), lost)
    t.equal(await names(db).catch((error) => error), lost)
    await db.tidy()
  })
}

t.test('a write into a file that is gone is refused before anybody has looked', async (t) => {
  const { db, file } = await opened(t)
  unlinkSync(file)
  const refused = await db.write((handle) => insert(handle, 'bob')).catch((error) => error)
  t.type(refused, DatabaseUnavailable)
  t.equal(refused.message, `${file} was deleted or moved while the database was open`)
})

t.test('a database that was lost stays lost when its file comes back', async (t) => {
  const { db, file } = await opened(t)
  renameSync(file, `${file}.away`)
  await t.rejects(db.look(), LOST)
  renameSync(`${file}.away`, file)
  await t.rejects(db.look(), LOST)
  await t.rejects(names(db), LOST)
})

t.test('a database is lost when a link to it leads to another one', async (t) => {
  const dir = folder(t)
  for (const name of ['one', 'other']) await (await openDatabase(`file:${dir}/${name}.db`)).close()
  const link = join(dir, 'latchkey.db')
  symlinkSync('one.db', link)
  const db = await openDatabase(`file:${link}`)
  t.teardown(() => db.close())
  t.equal(await db.look(), undefined)
  symlinkSync('other.db', `${link}.new`)
  renameSync(`${link}.new`, link)
  await t.rejects(db.look(), LOST)
})

t.test('what others do with a database in its place loses nothing', async (t) => {
  const { db, file } = await opened(t)
  const other = new SQLite(file)
  other.exec('vacuum')
  other.pragma('wal_checkpoint(truncate)')
  await other.backup(`${file}.copy`)
  other.exec(`vacuum into '${file}.second-copy'`)
  other.close()
  linkSync(file, `${file}.link`)
  renameSync(`${file}.link`, file)
  copyFileSync(file, `${file}.third-copy`)
  t.equal(await db.look(), undefined)
  await db.write((handle) => insert(handle, 'bob'))
  await db.check()
  t.same(await names(db), ['alice', 'bob'])
})

t.test('a file that is back at the second look was never lost', async (t) => {
  const { file, files } = await opened(t)
  renameSync(file, `${file}.away`)
  const looked = files.look()
  renameSync(`${file}.away`, file)
  await looked
  files.guard()
  files.confirm()
})

t.test('those who look at the same time share an answer', async (t) => {
  const { files } = await opened(t)
  const one = files.look()
  t.equal(files.look(), one)
  await one
  t.not(files.look(), one)
})

t.test('where a file system gives a file another number at each look, only its absence counts', async (t) => {
  const { file } = await opened(t)
  let ino = 0n
  const numbered = { dev: 1n, birthtimeNs: 0n }
  const files = new OpenedFiles(file, { lookAgainMs: 0, stat: () => ({ ...numbered, ino: ino++ }) })
  await files.look()
  files.confirm()
  let isThere = true
  const going = new OpenedFiles(file, { lookAgainMs: 0, stat: () => (isThere ? { ...numbered, ino: ino++ } : undefined) })
  await going.look()
  isThere = false
  await t.rejects(going.look(), LOST)
})

t.test('a file that is numbered anew, and was born at the same instant on the same device, is the same', async (t) => {
  const { file } = await opened(t)
  let now = { dev: 1n, ino: 1n, birthtimeNs: 5n }
  const files = new OpenedFiles(file, { lookAgainMs: 0, stat: () => now })
  now = { ...now, ino: 2n }
  await files.look()
  now = { ...now, dev: 2n }
  await t.rejects(files.look(), LOST)
})

t.test('a file that cannot be looked at is not lost, but it is said what is in the way', async (t) => {
  const { file } = await opened(t)
  let code: string | undefined
  const stat = (path: string) => {
    if (code !== undefined) throw Object.assign(new Error(code), { code })
    return statSync(path, { bigint: true })
  }
  const files = new OpenedFiles(file, { lookAgainMs: 0, stat })
  t.equal(files.complaint, undefined)
  for (const [now, words] of [
    ['EACCES', 'this user may not use it'],
    ['EIO', 'the disk fails'],
    ['ESTALE', 'the network file system does not know it any more'],
  ] as const) {
    code = now
    await files.look()
    files.confirm()
    t.equal(files.complaint, `${file}: ${words} (${now})`)
  }
})

t.test('a database in memory is never lost', async (t) => {
  const db = await openDatabase(':memory:')
  t.teardown(() => db.close())
  t.equal(await db.look(), undefined)
  await db.check()
})

t.test('what was committed is in the file after an orderly end, also when its write-ahead log was deleted', async (t) => {
  const { db, file } = await opened(t)
  rmSync(`${file}-wal`)
  await t.rejects(db.look(), LOST)
  await db.close()
  await holdsAlice(t, file)
})

t.test('what was committed is in the file after an orderly end, when it was moved away and is back', async (t) => {
  const { db, file } = await opened(t)
  renameSync(file, `${file}.away`)
  await t.rejects(db.look(), LOST)
  await db.close()
  renameSync(`${file}.away`, file)
  await holdsAlice(t, file)
})

async function holdsAlice(t: Test, file: string): Promise<void> {
  const db = await openDatabase(`file:${file}`)
  t.teardown(() => db.close())
  t.same(await names(db), ['alice'])
}
