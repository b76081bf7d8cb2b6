import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts } from '../../../harness/free-ports.ts'
import type { Cleanup } from '../../server/process.ts'
import type { Command } from '../clients/matrix.ts'
import { axum, fastapi, go, node, type Project, placeOf, spring } from './projects.ts'

// The programs of docs/protecting-an-api.md: small services that let their users in with Latchkey's access tokens. `GET /me` answers the
// user's id by the token itself, `GET /asked` by what Latchkey says of it.

export interface Peer {
  readonly name: string
  readonly project: Project
  /** Starts it, in the project's folder. */
  readonly command: (port: number) => Command
  readonly env?: Readonly<Record<string, string>>
  /** What its environment has besides where access tokens are those of RFC 9068. */
  readonly rfc9068?: Readonly<Record<string, string>>
  /** Set where it checks offline alone. */
  readonly asksNot?: true
  /** Its answer to a good token while it has no keys yet and can get none. */
  readonly withoutKeys: 401 | 503 | 'it does not start'
  /** Set where it finds the keys by the issuer alone. */
  readonly discovers?: true
}

export const SPRING: Peer = {
  name: 'Spring Boot',
  project: spring,
  command: () => ['java', '-XX:TieredStopAtLevel=1', '-jar', 'target/spring.jar'],
  rfc9068: { SPRING_PROFILES_ACTIVE: 'rfc9068' },
  withoutKeys: 503,
}
export const peers: readonly Peer[] = [
  { name: 'Express with jose', project: node, command: () => [process.execPath, 'express.mjs'], withoutKeys: 503 },
  { name: 'Fastify with jose', project: node, command: () => [process.execPath, 'fastify.mjs'], withoutKeys: 503 },
  {
    name: 'FastAPI with PyJWT',
    project: fastapi,
    command: (port) => ['venv/bin/python', '-m', 'uvicorn', 'main:app', '--host', '127.0.0.1', '--port', `${port}`],
    withoutKeys: 503,
  },
  { name: 'net/http with keyfunc', project: go, command: () => ['bin/net-http'], withoutKeys: 503 },
  {
    name: 'net/http with go-oidc',
    project: go,
    command: () => ['bin/go-oidc'],
    asksNot: true,
    withoutKeys: 'it does not start',
    discovers: true,
  },
  { name: 'axum with jsonwebtoken', project: axum, command: () => ['bin/shop'], withoutKeys: 503 },
  SPRING,
  {
    ...SPRING,
    name: 'Spring Boot, by the issuer alone',
    env: { SPRING_SECURITY_OAUTH2_RESOURCESERVER_JWT_JWKSETURI: '' },
    asksNot: true,
    withoutKeys: 401,
    discovers: true,
  },
]

/** A program that runs. */
export interface Running {
  readonly peer: Peer
  readonly url: string
  /** What it has written so far. */
  output(): string
}

/** Starts a program and waits until it answers. It ends with the test. */
export async function startPeer(t: Cleanup, peer: Peer, env: Readonly<Record<string, string>>): Promise<Running> {
  const [port = 0] = await freePorts(1)
  const [program, ...parameters] = peer.command(port)
  const { NODE_OPTIONS: _, ...outer } = process.env
  const child = spawn(program, parameters, {
    cwd: placeOf(peer.project),
    env: { ...outer, PORT: String(port), ...peer.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const chunks: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk: string) => chunks.push(chunk))
  const ended = once(child, 'exit').catch((error: Error) => chunks.push(error.message))
  t.teardown(async () => {
    child.kill('SIGTERM')
    const late = setTimeout(() => child.kill('SIGKILL'), 5000)
    await ended
    clearTimeout(late)
  })
  const url = `http://127.0.0.1:${port}`
  await answers(url, child).catch(() => Promise.reject(new Error(`${peer.name} does not start: ${chunks.join('')}`)))
  return { peer, url, output: () => chunks.join('') }
}

/** Waits until it answers, whatever it does. */
async function answers(url: string, child: ChildProcess): Promise<void> {
  for (let tries = 0; ; tries++) {
    const answer = await fetch(`${url}/me`).catch(() => undefined)
    if (answer !== undefined) return
    if (child.exitCode !== null || child.pid === undefined || tries > 3000) throw new Error('no answer')
    await sleep(100)
  }
}

/** What a program says to a request: the status, the user's id or the challenge. */
export async function say({ url }: Running, path: string, authorization: string | undefined) {
  const answer = await fetch(`${url}${path}`, {
    headers: { ...(authorization !== undefined && { authorization }) },
    signal: AbortSignal.timeout(20_000),
  })
  const body = await answer.text()
  return { status: answer.status, ...(answer.status === 200 ? { user: body } : { challenge: answer.headers.get('www-authenticate') }) }
}
