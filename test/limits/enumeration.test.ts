// Not on PostgreSQL: it compares answers that do not depend on the kind of database.
import t, { type Test } from 'tap'
import { build, logIn, PASSWORD, register, type TestApp } from '../helper.ts'
import { HEADER, LOGIN, OBTAIN } from '../wire/wire.ts'

const ENDPOINTS = [OBTAIN, LOGIN, HEADER]
const NAMES = ['known', 'disabled', 'unknown', 'weak-hash', 'no-hash']

/** An app with one user of each kind that a client might distinguish from an unknown name. */
async function withUsers(t: Test, env: Record<string, string> = {}): Promise<TestApp> {
  const app = await build(t, env)
  for (const name of ['someone', 'known', 'disabled', 'weak-hash', 'no-hash']) await register(app, name)
  const change = (username: string, values: object) =>
    app.db.write((handle) => handle.updateTable('users').set(values).where('username', '=', username).execute())
  await change('disabled', { is_active: 0 })
  await change('weak-hash', { password: app.hashing.decoy.replace(/m=\d+/, 'm=8') })
  await change('no-hash', { password: '!' })
  return app
}

/** All of an answer that a client sees, without the date and the request id, which always differ. */
async function answerTo(app: TestApp, url: string, username: string, from: string, headers: Record<string, string>) {
  const payload = { username, password: 'wrong horse battery' }
  const answer = await app.inject({ method: 'POST', url, remoteAddress: from, headers, payload })
  const { date: _date, 'x-request-id': _id, ...rest } = answer.headers
  return { status: answer.statusCode, headers: rest, body: answer.body }
}

for (const url of ENDPOINTS) {
  t.test(`${url} answers known, unknown and disabled names alike, from the first failure to the limit of the account`, async (t) => {
    const app = await withUsers(t, { LOGIN_FAILURES_PER_PAIR: '3', LOGIN_FAILURES_PER_ACCOUNT: '8' })
    const headers = { authorization: `Bearer ${(await logIn(app, 'someone')).access}` }
    const answersTo = async (username: string) => {
      const answers: unknown[] = []
      for (let i = 0; i < 30; i++) answers.push(await answerTo(app, url, username, `192.0.2.${i % 4}`, headers))
      return answers
    }
    const [first, ...others] = [
      await answersTo('unknown'),
      await answersTo('known'),
      await answersTo('disabled'),
      await answersTo('no-hash'),
    ]
    t.strictSame([...new Set((first as { status: number }[]).map(({ status }) => status))].sort(), [401, 429])
    for (const other of others) t.strictSame(other, first)
  })

  t.test(`${url} makes one hash and the same number of writes for known, unknown and disabled names`, async (t) => {
    const app = await withUsers(t)
    const headers = { authorization: `Bearer ${(await logIn(app, 'someone')).access}` }
    const work = async (username: string) => {
      let hashes = 0
      let writes = 0
      const { matches } = app.hashing
      const { write } = app.db
      app.hashing.matches = (...args) => {
        hashes++
        return matches.apply(app.hashing, args)
      }
      Object.assign(app.db, {
        write: (job: Parameters<typeof write>[0]) => {
          writes++
          return write(job)
        },
      })
      await answerTo(app, url, username, '192.0.2.1', headers)
      await app.refusals.flush()
      app.hashing.matches = matches
      Object.assign(app.db, { write })
      return { hashes, writes }
    }
    for (const name of NAMES) t.strictSame(await work(name), { hashes: 1, writes: 3 }, name)
  })
}

t.test('the right password of a disabled user is answered like a wrong password for an unknown name', async (t) => {
  const app = await withUsers(t)
  for (const url of [OBTAIN, LOGIN]) {
    const ask = async (username: string) => {
      const answer = await app.inject({ method: 'POST', url, payload: { username, password: PASSWORD } })
      return [answer.statusCode, answer.body]
    }
    t.strictSame(await ask('disabled'), await ask('unknown'), url)
  }
})
