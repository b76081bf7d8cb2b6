import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Cleanup } from '../../server/process.ts'

/** What a later version may answer: an id that does not fit into 32 bits, and a code that the document does not know. */
export const LATER_ID = 5_000_000_000
export const LATER_CODE = 'a_later_code'

/**
 * The service as a later version of it may answer, without a new version of the API: every object in a body has a member more, a refused
 * request has a code that is new, and ids have grown.
 *
 * @param url of the service that really answers
 * @returns the URL of the later one, which ends with the test
 */
export async function laterVersion(t: Cleanup, url: string): Promise<string> {
  const server = createServer((request, response) => void pass(url, request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function pass(url: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  const { authorization = '', 'content-type': type = '' } = request.headers
  const answer = await fetch(url + request.url, {
    method: request.method as string,
    headers: { authorization, 'content-type': type },
    ...(chunks.length > 0 && { body: Buffer.concat(chunks) }),
  })
  const text = await answer.text()
  const body = text === '' ? '' : JSON.stringify(later(JSON.parse(text)))
  for (const name of ['content-type', 'www-authenticate', 'x-request-id', 'cache-control', 'retry-after']) {
    const value = answer.headers.get(name)
    if (value !== null) response.setHeader(name, value)
  }
  response.writeHead(answer.status).end(body)
}

function later(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(later)
  if (typeof value !== 'object' || value === null) return value
  const { id, code, errors, ...members } = value as Record<string, unknown>
  return {
    ...members,
    ...(id !== undefined && { id: typeof id === 'number' ? LATER_ID : id }),
    ...(code !== undefined && { code: LATER_CODE }),
    // A map of fields, all of whose members are lists.
    ...(errors !== undefined && { errors }),
    a_later_member: { of: ['any', 'kind'] },
  }
}
