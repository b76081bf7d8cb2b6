// The thread of `estimator.ts`: answers each password with the number of tries in which it is guessed. It is plain JavaScript because a
// thread that strips types loads a compiler of its own, which takes 14 MB.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parentPort } from 'node:worker_threads'
import { ZxcvbnFactory } from '@zxcvbn-ts/core'

/** In UTF-16 code units, of which a character has at most two: enough for all that `estimator.ts` sends. */
const MAX_LENGTH = 256
/** Ways to read a password as l33t. A tenth of zxcvbn's default: it halves the time of the worst password, and hardly any other is missed. */
const L33T_SUBSTITUTIONS = 10

const estimator = new ZxcvbnFactory({
  dictionary: { passwords: listOf('passwords') },
  graphs: listOf('adjacencyGraphs'),
  maxLength: MAX_LENGTH,
  l33tMaxSubstitutions: L33T_SUBSTITUTIONS,
})
parentPort.on('message', (password) => parentPort.postMessage(estimator.check(password).guesses))

/** A list of the package, from its source: importing the package itself would unpack all its other lists, too. */
function listOf(name) {
  return JSON.parse(readFileSync(fileURLToPath(import.meta.resolve(`@zxcvbn-ts/language-common/src/${name}.json`)), 'utf8'))
}
