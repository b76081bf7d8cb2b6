import t from 'tap'
import { logIn, logOut, refresh, register } from '../../harness/requests.ts'
import { PASSWORD } from '../helper.ts'
import { startInstances } from './postgres/instances.ts'
import { openLink, type Sent } from './postgres/link.ts'
import { startServer } from './postgres/server.ts'
import { isAnswer, whenEnded } from './refusals.ts'
import { pairOf, type Seen } from './two-processes.ts'

/** More than a request has. */
const MOST_TURNS = 20

/** Whether a connection sends what is about a name, and then this. */
function follows(name: string, by: Sent['by'], what: RegExp): (sent: Sent) => boolean {
  const connections = new Set<number>()
  return (sent) => {
    if (sent.text.includes(name)) connections.add(sent.connection)
    return connections.has(sent.connection) && sent.by === by && what.test(sent.text)
  }
}

t.test('where a connection ends before the answer to a commit, that is 503, whether there was a commit or not', async (t) => {
  const server = await startServer(t)
  const link = await openLink(t, server.port)
  const { any } = await startInstances(t, server.url({ port: link.port }), 1)
  const moments = [
    ['answer-lost', 'database', /COMMIT\0/, 1],
    // A whole message of the protocol: what begins a transaction says "read committed".
    ['order-lost', 'service', /Q.{4}commit\0/s, 0],
  ] as const
  for (const [name, by, what, users] of moments) {
    const cut = link.cutAt(follows(name, by, what))
    t.match(await any(register(name, PASSWORD)), { status: 503, body: { code: 'database_unavailable' } })
    t.ok(cut.hasHappened)
    t.same(await server.column(`select count(*)::int from users where username = '${name}'`), [users])
  }
})

/** The n-th that is sent by one of both, from now on. */
function nth(n: number, by: Sent['by']): (sent: Sent) => boolean {
  let count = 0
  return (sent) => sent.by === by && ++count === n
}

for (const by of ['service', 'database'] as const) {
  t.test(
    `wherever a connection is cut before something of the ${by} arrives, all is done or nothing, or that is not known: 503`,
    async (t) => {
      const server = await startServer(t)
      const link = await openLink(t, server.port)
      const { any } = await startInstances(t, server.url({ port: link.port }), 1)
      await any(register('alice', PASSWORD))
      const seen: Record<string, string[]> = { register: [], logIn: [], refresh: [], logOut: [] }
      const ask = async (kind: string, good: number, request: string): Promise<Seen> => {
        const answer = await any(request)
        t.ok(answer.status === good || isUnavailable(answer), `${kind}: ${answer.status}`, { answer })
        seen[kind]?.push(String(answer.status))
        return answer
      }
      // A cut may also hit a connection that is being made for the next request.
      const askOn = async (request: string): Promise<Seen> => {
        const answer = await any(request)
        return isUnavailable(answer) ? await any(request) : answer
      }
      for (let n = 1; n <= MOST_TURNS; n++) {
        const name = `user-${n}`
        link.cutAt(nth(n, by))
        const registered = await ask('register', 201, register(name, PASSWORD))
        const users = await server.column<number>(`select count(*)::int from users where username = '${name}'`)
        if (registered.status === 201) t.same(users, [1])
        const { refresh: token } = await pairOf(askOn(logIn('alice', PASSWORD)))
        link.cutAt(nth(n, by))
        await ask('refresh', 200, refresh(token))
        const { refresh: next } = await pairOf(askOn(refresh(token)))
        link.cutAt(nth(n, by))
        const loggedOut = await ask('logOut', 200, logOut(next))
        if (loggedOut.status === 200) t.ok(isAnswer(await askOn(refresh(next)), whenEnded.refresh))
        link.cutAt(nth(n, by))
        await ask('logIn', 200, logIn('alice', PASSWORD))
      }
      link.cutAt(() => false)
      t.same(await server.column('select count(*)::int from users group by username_key having count(*) > 1'), [])
      for (const [kind, statuses] of Object.entries(seen)) t.comment(`${kind}: ${statuses.join(' ')}`)
    },
  )
}

function isUnavailable({ status, body }: Seen): boolean {
  return status === 503 && (body as { code: string }).code === 'database_unavailable'
}
