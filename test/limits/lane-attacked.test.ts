// Not on PostgreSQL: it is one step after the other; parallel.test.ts holds what several at once do there.
import t from 'tap'
import { guessesStayBounded, ipv4, ipv6, ownerGetsIn } from './attackers.ts'
import { attempt, failFromAnywhere, two } from './limits.ts'

// test/slow/lane.slow.ts does the same with a hundred networks.
t.test('while thirteen networks ask for a name all the time, its owner is in at a new address after fourteen turns', (t) => {
  return ownerGetsIn(t, ipv4(13), 15)
})

t.test('the same holds against thirteen IPv6 networks of a /48', (t) => ownerGetsIn(t, ipv6(13), 30))

t.test('thirteen networks get no more than a hundred guesses an hour at a name, and one each thirty seconds', (t) => {
  return guessesStayBounded(t, ipv4(13), 60)
})

t.test('when the turns of an hour are saved for the next, no more than 440 guesses are possible within it', async (t) => {
  const { a, advance } = await two(t)
  await failFromAnywhere([a], 100)
  const networks = ipv4(130)
  for (const from of networks) t.equal((await attempt(a, { from })).status, 429)
  advance(3600)
  // The next hundred begin at the end of this hour, so that the hundred after them come within an hour.
  t.equal((await attempt(a, { from: '192.0.2.1' })).status, 401)
  advance(3599)
  let guesses = 0
  for (let i = 0; i < 99; i++) if ((await attempt(a, { from: `198.19.0.${i}` })).status === 401) guesses++
  advance(1)
  for (let seconds = 0; seconds < 3600; seconds += 300) {
    for (const from of networks) if ((await attempt(a, { from })).status === 401) guesses++
    advance(300)
  }
  t.ok(guesses <= 440, `${guesses} guesses`)
  t.ok(guesses > 220, `${guesses} guesses: some were saved`)
})
