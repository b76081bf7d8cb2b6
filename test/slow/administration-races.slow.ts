import t, { type Test } from 'tap'
import { openDatabase } from '../../db/open.ts'
import { postRequest } from '../../harness/client.ts'
import { logIn, register } from '../../harness/requests.ts'
import { PASSWORD } from '../helper.ts'
import { folder } from '../server/process.ts'
import { type Instances, startInstances, startTogether } from './postgres/instances.ts'
import { type Ask, expectStatus, pairOf } from './two-processes.ts'

const ROUNDS = 1000
const NAMES = ['root', 'rita'] as const
const ENV = { ACCESS_TOKEN_TTL: '7200' }

interface Superuser {
  readonly id: number
  readonly ask: Ask
  readonly bearer: { readonly authorization: string }
}

/** Two superusers, each with a process of their own. */
async function superusers({ asks, url }: Instances): Promise<[Superuser, Superuser]> {
  const [first] = asks as [Ask, Ask]
  for (const name of NAMES) await expectStatus(201, first(register(name, PASSWORD)))
  const db = await openDatabase(url)
  await db.write((handle) => handle.updateTable('users').set({ is_staff: 1, is_superuser: 1 }).execute())
  await db.close()
  const tokens = await Promise.all(NAMES.map((name) => pairOf(first(logIn(name, PASSWORD)))))
  return tokens.map(({ access }, i) => ({ id: i + 1, ask: asks[i], bearer: { authorization: `Bearer ${access}` } })) as [
    Superuser,
    Superuser,
  ]
}

function setSuperuser({ ask, bearer }: Superuser, whom: Superuser, is_superuser: boolean) {
  const body = JSON.stringify({ is_superuser, current_password: PASSWORD })
  return ask(postRequest(`/api/users/${whom.id}/`, body, bearer).replace('POST', 'PATCH'))
}

async function demoteEachOther(t: Test, instances: Instances): Promise<void> {
  const [root, rita] = await superusers(instances)
  const won = [0, 0]
  for (let round = 0; round < ROUNDS; round++) {
    const answers = await Promise.all([setSuperuser(root, rita, false), setSuperuser(rita, root, false)])
    const statuses = answers.map(({ status }) => status)
    const winner = statuses.indexOf(200)
    if (!statuses.includes(200) || !(statuses.includes(403) || statuses.includes(409))) t.fail(`round ${round}`, { answers })
    won[winner] = (won[winner] ?? 0) + 1
    const [one, other] = winner === 0 ? [root, rita] : [rita, root]
    const list = postRequest('/api/users/?is_superuser=true&is_active=true', '', one.bearer).replace('POST', 'GET')
    const { results } = (await expectStatus(200, one.ask(list))) as { results: { id: number }[] }
    if (results.length !== 1 || results[0]?.id !== one.id) t.fail(`round ${round}`, { results })
    await expectStatus(200, setSuperuser(one, other, true))
  }
  t.comment(`won ${won.join(' and ')} times`)
  t.equal((won[0] as number) + (won[1] as number), ROUNDS)
  t.ok(
    won.every((times) => times > 0),
    'each of them at times',
  )
}

t.test(`of two superusers who demote each other at once in two processes on SQLite one is left, ${ROUNDS} times`, async (t) => {
  await demoteEachOther(t, await startInstances(t, `file:${folder(t)}/latchkey.db`, 2, ENV))
})

t.test(`of two superusers who demote each other at once at two instances on PostgreSQL one is left, ${ROUNDS} times`, async (t) => {
  await demoteEachOther(t, await startTogether(t, 2, ENV))
})
