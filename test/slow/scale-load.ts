// The load of scale.sh: clients that refresh, check and use their tokens until SIGTERM. Prints a line when all have logged in, and at the end how
// often each method was answered what.
// usage: scale-load.ts URL
import { PASSWORD } from '../helper.ts'

interface Pair {
  readonly access: string
  readonly refresh: string
}

const CLIENTS = 8
const url = process.argv[2] ?? 'http://localhost:3000'
const counts: Record<string, number> = {}
let atWork = 0
let isDone = false
process.once('SIGTERM', () => {
  isDone = true
})

/** Sends a request and counts its answer; a body for a 2xx alone. */
async function ask<T>(method: string, path: string, body?: object, access?: string): Promise<T | undefined> {
  const authorization = access === undefined ? {} : { authorization: `Bearer ${access}` }
  const content = body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
  const answer = await fetch(url + path, { method, ...content, headers: { ...content.headers, ...authorization } }).catch(() => undefined)
  const kind = `${method} ${answer?.status ?? 'unanswered'}`
  counts[kind] = (counts[kind] ?? 0) + 1
  const text = await answer?.text()
  return answer?.ok ? JSON.parse(text as string) : undefined
}

/** A client that got no answer to a refresh asks again with the token that it has. */
async function work(client: number): Promise<void> {
  const credentials = { username: `load-${process.pid}-${client}`, password: PASSWORD }
  await ask('POST', '/api/users/', credentials)
  let pair = await ask<Pair>('POST', '/api/token/', credentials)
  if (++atWork === CLIENTS) console.log('all at work')
  while (pair !== undefined && !isDone) {
    pair = (await ask<Pair>('POST', '/api/token/refresh/', { refresh: pair.refresh })) ?? pair
    await ask('POST', '/api/token/verify/', { token: pair.access })
    await ask('GET', '/api/users/me/', undefined, pair.access)
  }
}

await Promise.all(Array.from({ length: CLIENTS }, (_, client) => work(client)))
console.log(JSON.stringify(counts))
