import t, { type Test } from 'tap'
import type { Handle } from '../../../db/database.ts'
import { openDatabase } from '../../../db/open.ts'
import { insertUser, updateUser } from '../../../db/users.ts'
import { listUsers, type UserFilters } from '../../../domain/accounts/users-list.ts'
import type { Problem } from '../../../domain/errors.ts'
import { fold } from '../../../domain/text.ts'
import { databaseUrl } from '../../databases.ts'

/** As UTF-8 sorts them, folded: the last two are the other way round in UTF-16. */
const NAMES = ['al', 'Alice', 'alice2', 'ALİCE', 'bob', 'Carol', 'caro\u0301l', '\uff5e', '\u{1f600}']

async function withUsers(t: Test, names: readonly string[] = NAMES) {
  const db = await openDatabase(await databaseUrl(t))
  t.teardown(() => db.close())
  await db.write(async (handle) => {
    for (const username of names.toReversed()) await add(handle, username)
  })
  return { db }
}

const add = (handle: Handle, username: string) =>
  insertUser(handle, { username, username_key: fold(username), password: '-', created_at: 5 })

/** The names of all pages. */
async function allNames(core: Awaited<ReturnType<typeof withUsers>>, filters: UserFilters, limit: number): Promise<string[][]> {
  const pages: string[][] = []
  let cursor: string | undefined
  do {
    const { results, next } = await listUsers(core, { ...filters, limit, cursor })
    pages.push(results.map(({ username }) => username))
    cursor = next ?? undefined
  } while (cursor !== undefined)
  return pages
}

t.test('users are listed by folded name and id, in pages of any size, each user once', async (t) => {
  const core = await withUsers(t, [...NAMES, 'al\u200bice'])
  const [all] = await allNames(core, {}, 100)
  t.same([...(all ?? [])].sort(), [...NAMES, 'al\u200bice'].sort())
  const keys = (all ?? []).map((name) => Buffer.from(fold(name)))
  t.same(keys, [...keys].sort(Buffer.compare))
  for (const limit of [1, 2, 3, 10]) t.same((await allNames(core, {}, limit)).flat(), all, `pages of ${limit}`)
})

t.test('a search is for the beginning of a name, whatever its case and form', async (t) => {
  const core = await withUsers(t)
  t.same((await allNames(core, { search: 'ALICE' }, 2)).flat(), ['Alice', 'alice2'])
  t.same((await allNames(core, { search: '\uff41\uff4c' }, 2)).flat(), ['al', 'Alice', 'alice2', 'ALİCE'])
  t.same((await allNames(core, { search: 'alice2' }, 1)).flat(), ['alice2'])
  for (const search of ['lice', 'x', '%', '_', 'al%', 'a\0', '\ud800']) t.same(await allNames(core, { search }, 2), [[]], search)
})

t.test('every combination of flags is listed in the same order', async (t) => {
  const core = await withUsers(t)
  const [all = []] = await allNames(core, {}, 100)
  const rows = await core.db.read.selectFrom('users').selectAll().execute()
  const bits = (id: number) => ({
    is_active: (id & 1) as 0 | 1,
    is_staff: ((id >> 1) & 1) as 0 | 1,
    is_superuser: ((id >> 2) & 1) as 0 | 1,
  })
  await core.db.write(async (handle) => {
    for (const { id } of rows) await updateUser(handle, id, bits(id), 6)
  })
  const either = [undefined, false, true]
  for (const isActive of either) {
    for (const isStaff of either) {
      for (const isSuperuser of either) {
        const isIn = (flag: boolean | undefined, bit: number) => flag === undefined || flag === (bit === 1)
        const expected = all.filter((name) => {
          const { is_active, is_staff, is_superuser } = bits(rows.find(({ username }) => username === name)?.id ?? 0)
          return isIn(isActive, is_active) && isIn(isStaff, is_staff) && isIn(isSuperuser, is_superuser)
        })
        for (const limit of [1, 3]) t.same((await allNames(core, { isActive, isStaff, isSuperuser }, limit)).flat(), expected)
      }
    }
  }
})

t.test('a cursor is good for its own filters and nothing else, and refused when it is cut or changed', async (t) => {
  const core = await withUsers(t)
  const { next } = await listUsers(core, { search: 'al', limit: 1 })
  const cursor = next as string
  t.equal((await listUsers(core, { search: 'AL', limit: 1, cursor })).results[0]?.username, 'Alice', 'the same filter')
  const refused = async (filters: UserFilters, wrong: string) => {
    const problem: Problem = await listUsers(core, { ...filters, limit: 1, cursor: wrong }).then(t.fail, (error) => error)
    t.match(problem, { code: 'invalid', members: { cursor: ['Invalid cursor'], errors: { cursor: ['Invalid cursor'] } } }, wrong)
  }
  for (const filters of [{}, { search: 'a' }, { search: 'al', isStaff: false }, { search: 'al', isActive: true }])
    await refused(filters, cursor)
  for (let end = 0; end < cursor.length; end++) await refused({ search: 'al' }, cursor.slice(0, end))
  for (let at = 0; at < cursor.length; at++) {
    await refused({ search: 'al' }, `${cursor.slice(0, at)}${cursor[at] === 'A' ? 'B' : 'A'}${cursor.slice(at + 1)}`)
  }
  for (const wrong of [`${cursor}=`, `${cursor} `, ` ${cursor}`, `${cursor}A`, `${cursor}${cursor}`]) await refused({ search: 'al' }, wrong)
})

t.test('a user who is renamed or deleted between two pages makes no other one vanish or come twice', async (t) => {
  const core = await withUsers(t)
  const [all = []] = await allNames(core, {}, 100)
  const { results, next } = await listUsers(core, { limit: 3 })
  await core.db.write((handle) =>
    handle
      .deleteFrom('users')
      .where('id', '=', results[2]?.id as number)
      .execute(),
  )
  const rest = await listUsers(core, { limit: 100, cursor: next as string })
  t.same(
    [...results, ...rest.results].map(({ username }) => username),
    all,
  )
})
