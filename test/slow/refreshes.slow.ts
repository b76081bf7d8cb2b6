import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { claimsOf, PASSWORD } from '../helper.ts'
import { folder, postTo, type Service, start } from '../server/process.ts'

const ROUNDS = 200
const AT_ONCE = 50

interface Pair {
  readonly access: string
  readonly refresh: string
}

const credentials = { username: 'alice', password: PASSWORD }

async function logIn({ url }: Service): Promise<Pair> {
  return (await postTo(`${url}/api/token/`, credentials)).body as Pair
}

const refresh = ({ url }: Service, token: string) => postTo(`${url}/api/token/refresh/`, { refresh: token })
const verify = ({ url }: Service, token: string) => postTo(`${url}/api/token/verify/`, { token })
const ended = {
  status: 401,
  body: { title: 'Unauthorized', status: 401, detail: 'Token is blacklisted', code: 'token_not_valid' },
}

t.test(`${AT_ONCE} refreshes of one token at once get one successor, and end no session, ${ROUNDS} times`, async (t) => {
  const service = await start(t, { DATABASE_URL: `file:${folder(t)}/latchkey.db`, LOG_LEVEL: 'info' })
  await postTo(`${service.url}/api/users/`, credentials)
  let { refresh: token } = await logIn(service)
  for (let round = 0; round < ROUNDS; round++) {
    const answers = await Promise.all(Array.from({ length: AT_ONCE }, () => refresh(service, token)))
    const refused = answers.filter(({ status }) => status !== 200)
    const successors = new Set(answers.map(({ body }) => claimsOf((body as Pair).refresh).jti))
    if (refused.length > 0 || successors.size !== 1) t.fail(`round ${round}`, { refused, successors: [...successors] })
    const [{ body }] = answers as [(typeof answers)[number]]
    token = (body as Pair).refresh
  }
  t.same(await verify(service, token), { status: 200, body: {} })
})

t.test('a token replaced longer ago than the grace ends its session, and its newest token with it', async (t) => {
  const service = await start(t, { DATABASE_URL: `file:${folder(t)}/latchkey.db`, REFRESH_REUSE_GRACE: '1' })
  await postTo(`${service.url}/api/users/`, credentials)
  const first = await logIn(service)
  const other = await logIn(service)
  const second = (await refresh(service, first.refresh)).body as Pair
  t.equal((await refresh(service, first.refresh)).status, 200)
  await sleep(1100)
  t.same(await refresh(service, first.refresh), ended)
  t.same(await refresh(service, second.refresh), ended)
  t.same(await verify(service, second.access), ended)
  t.same(await verify(service, first.access), ended)
  t.same(await verify(service, other.access), { status: 200, body: {} })
})
