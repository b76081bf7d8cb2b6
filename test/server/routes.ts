import type { FastifyInstance, InjectOptions } from 'fastify'

export type Method = 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'DELETE'
export interface Route {
  readonly method: Method
  readonly url: string
}

/** Every route, also those that are not in openapi.json, parsed from Fastify's `printRoutes`: a tree of pieces of paths. */
export function routesOf(app: FastifyInstance): Route[] {
  const paths: string[] = []
  const routes: Route[] = []
  for (const line of app.printRoutes({ commonPrefix: false }).split('\n')) {
    const [, indent = '', piece = '', methods = ''] = /^([│ ]*)[├└]── (\S+)(?: \((.*)\))?$/.exec(line) ?? []
    if (piece === '' || piece === '*') continue
    const depth = indent.length / 4
    paths[depth] = `${depth > 0 ? paths[depth - 1] : ''}${piece}`
    const url = paths[depth].replace(/:\w+(\([^/]*\))?/g, '1')
    routes.push(...methods.split(', ').map((method) => ({ method: method as Method, url })))
  }
  return routes
}

export function send(app: FastifyInstance, { method, url }: Route, headers: Record<string, string> = {}, payload = '{}') {
  const body: InjectOptions =
    method === 'POST' || method === 'PATCH' ? { payload, headers: { 'content-type': 'application/json', ...headers } } : { headers }
  return app.inject({ method, url, ...body })
}
