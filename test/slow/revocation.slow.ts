import t from 'tap'
import type { TokenPair } from '../../domain/sessions/grant.ts'
import { logIn, logOut, register, revoke, verify } from '../../harness/requests.ts'
import { PASSWORD } from '../helper.ts'
import { allRefused, isAnswer, whenEnded } from './refusals.ts'
import { type Ask, pairOf, startTwo } from './two-processes.ts'

const ROUNDS = 500

const good = { status: 200, body: {} }

for (const [name, end] of [
  ['logout', ({ refresh }: TokenPair) => logOut(refresh)],
  ['revocation of an access token', ({ access }: TokenPair) => revoke(access)],
] as const) {
  t.test(`once a ${name} is answered, the other process refuses the tokens at the first request, ${ROUNDS} times`, async (t) => {
    const { asks, client, any } = await startTwo(t)
    await any(register('alice', PASSWORD))
    for (let round = 0; round < ROUNDS && t.passing(); round++) {
      const [here, there] = (round % 2 === 0 ? asks : asks.toReversed()) as [Ask, Ask]
      const pair = await pairOf(any(logIn('alice', PASSWORD)))
      // Both processes cache the verification of both tokens.
      for (const token of [pair.access, pair.refresh]) {
        for (const ask of asks) if (!isAnswer(await ask(verify(token)), good)) t.fail('not good before its end')
      }
      if (!isAnswer(await here(end(pair)), good)) t.fail('not ended')
      await allRefused(t, { asks: [there], client }, [pair], whenEnded)
    }
  })
}
