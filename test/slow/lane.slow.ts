import t from 'tap'
import { guessesStayBounded, ipv4, ipv6, ownerGetsIn } from '../limits/attackers.ts'

t.test('while a hundred networks ask for a name all the time, its owner is in at a new address after 101 turns', async (t) => {
  await ownerGetsIn(t, ipv4(100), 30)
  await ownerGetsIn(t, ipv6(100), 30)
})

t.test('a hundred networks get no more than a hundred guesses an hour at a name, and one each thirty seconds', (t) => {
  return guessesStayBounded(t, ipv4(100), 30)
})
