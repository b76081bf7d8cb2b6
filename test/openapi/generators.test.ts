// Not on PostgreSQL: it uses no database but to start.
import t from 'tap'
import type { ApiDocument, Schema } from '../../http/api-document.ts'
import { inOpenApi30 } from '../../http/openapi-3.0.ts'
import { build } from '../helper.ts'
import { operationsOf } from './schemas.ts'

// What generators of clients stumble over, one thing a test: `test/slow/clients` runs them.

const app = await build(t)
const document: ApiDocument = (await app.inject('/openapi.json')).json()
const document30: ApiDocument = (await app.inject('/openapi-3.0.json')).json()
const operations = operationsOf(document)
const text = JSON.stringify(document)

/** Every schema of the document, those inside of others too, with the way to it. */
const schemas = Object.entries(document.components.schemas).flatMap(([name, schema]) => within(name, schema))

function within(name: string, schema: Schema): { name: string; schema: Schema }[] {
  const { properties = {}, items, additionalProperties: others } = schema
  return [
    { name, schema },
    ...Object.entries(properties).flatMap(([member, inner]) => within(`${name}.${member}`, inner)),
    ...(items ? within(`${name}[]`, items) : []),
    ...(typeof others === 'object' ? within(`${name}{}`, others as Schema) : []),
  ]
}

/** The names of the schemas that are not as they should be. */
const thatAre = (isWrong: (schema: Schema, name: string) => boolean) =>
  schemas.filter(({ schema, name }) => isWrong(schema, name)).map(({ name }) => name)

t.test('a body has one media type', async (t) => {
  const bodies = operations.flatMap(({ requestBody }) => (requestBody ? [Object.keys(requestBody.content)] : []))
  t.ok(bodies.length > 10)
  for (const types of bodies) t.same(types, ['application/json'])
})

t.test('every error answer of every operation is the same model with the same headers', async (t) => {
  const failures = operations.flatMap(({ responses }) => Object.entries(responses).filter(([status]) => !status.startsWith('2')))
  t.ok(failures.length > 100)
  for (const [, { content, headers }] of failures) {
    t.same(
      Object.entries(content ?? {}).map(([type, { schema }]) => [type, schema]),
      [['application/problem+json', { $ref: '#/components/schemas/Problem' }]],
    )
    t.same(Object.keys(headers), ['X-Request-Id', 'Cache-Control', 'WWW-Authenticate', 'Retry-After', 'Accept-Encoding'])
  }
})

t.test('every operation says who may call it', async (t) => {
  const required = Object.fromEntries(operations.map(({ operationId, security }) => [operationId, security]))
  const me = ['getMe', 'listMySessions', 'endMySession', 'endMyOtherSessions', 'changeMyPassword', 'deleteMe']
  const staff = [
    ...['listUsers', 'getUser', 'createUser', 'changeUser', 'setUserPassword', 'deleteUser'],
    ...['listUserSessions', 'endUserSessions', 'endUserSession', 'listEvents'],
  ]
  const byToken = Object.fromEntries([...me, ...staff, 'authenticateByHeader'].map((id) => [id, [{ accessToken: [] }]]))
  const nobody = [
    ...[
      'registerUser',
      'logIn',
      'obtainTokenPair',
      'refreshToken',
      'refreshAndVerifyToken',
      'verifyToken',
      'blacklistToken',
      'revokeToken',
    ],
    ...['getKeys', 'getServerMetadata', 'getLiveness', 'getReadiness'],
  ]
  const byNobody = Object.fromEntries(nobody.map((id) => [id, []]))
  t.same(required, { ...byToken, ...byNobody, introspectToken: [{ clientSecretBasic: [] }, {}] })
})

t.test('no name of a security scheme is that of something in every generated client', async (t) => {
  t.same(Object.keys(document.components.securitySchemes ?? {}), ['accessToken', 'clientSecretBasic'])
})

t.test('ids and seconds do not become 32-bit integers', async (t) => {
  const isInteger = ({ type }: Schema) => [type].flat().includes('integer')
  const integers = schemas.flatMap(({ name, schema }) => (isInteger(schema) ? [`${name} ${schema.format}`] : []))
  t.same(
    integers.filter((one) => !one.endsWith(' int64')),
    ['Problem.status int32'],
  )
  t.match(integers, ['Event.id int64', 'Event.count int64', 'Event.user_id int64'])
})

t.test('every type is one word, or one beside null, and open to members and values that are new', async (t) => {
  const isNullable = (type: unknown) => Array.isArray(type) && type.length === 2 && type[1] === 'null' && type[0] !== 'object'
  t.same(
    thatAre(({ $ref, type }) => $ref === undefined && typeof type !== 'string' && !isNullable(type)),
    [],
  )
  t.same(
    thatAre((schema) => ['patternProperties', 'enum', 'const', 'anyOf', 'oneOf', 'allOf'].some((keyword) => keyword in schema)),
    [],
  )
  t.same(
    thatAre(({ additionalProperties }) => additionalProperties === false),
    [],
  )
})

t.test('every object has a name of its own, but for a map', async (t) => {
  t.same(
    thatAre(({ type, additionalProperties }, name) => type === 'object' && additionalProperties === undefined && /\W/.test(name)),
    [],
  )
})

t.test('every component is used', async (t) => {
  const names = Object.entries(document.components)
    .filter(([kind]) => kind !== 'securitySchemes')
    .flatMap(([kind, components]) => Object.keys(components).map((name) => `#/components/${kind}/${name}`))
  t.same(
    names.filter((name) => !text.includes(`"${name}"`)),
    [],
  )
})

t.test('everything is described', async (t) => {
  t.same(
    thatAre(({ $ref, description }, name) => $ref === undefined && !description && !/[\]}]$/.test(name)),
    [],
  )
  const { info, tags, components } = document as ApiDocument & { tags: { description?: string }[] }
  t.match(info, { description: /\w/, contact: { name: /\w/ }, license: { name: 'MIT', identifier: 'MIT' } })
  const others = [...tags, ...Object.values(components.headers ?? {}), ...Object.values(components.securitySchemes ?? {})]
  t.ok(others.length > 8)
  for (const other of others) t.match(other, { description: /\w/ })
})

t.test('openapi-3.0.json says what openapi.json says, in the words of 3.0', async (t) => {
  const { openapi, info, components, paths } = document30
  t.equal(openapi, '3.0.3')
  t.same(info, { ...document.info, license: { name: 'MIT', url: 'https://spdx.org/licenses/MIT.html' } })
  t.same(withoutExamples(components), nullableBySchema30(withoutExamples(document.components)))
  t.match(components.schemas.User?.properties?.last_login, { type: 'string', nullable: true, format: 'date-time' })
  t.equal(components.schemas.Me?.properties?.username?.example, 'testuser')
  // Schemas of parameters have examples, too; those of bodies are the same.
  t.same(bodiesOf(withoutPlainProblems(paths)), bodiesOf(document.paths))
  t.same(withoutExamples(withoutPlainProblems(paths)), withoutExamples(document.paths))
})

t.test('openapi-3.0.json names application/json beside the media type of problems: progenitor makes a type of nothing else', async (t) => {
  const failures = Object.values(document30.paths).flatMap((item) =>
    Object.values(item).flatMap(({ responses }) => Object.entries(responses)),
  )
  const types = failures.filter(([status]) => !status.startsWith('2')).map(([, { content = {} }]) => Object.keys(content).sort())
  t.ok(types.length > 100)
  for (const one of types) t.same(one, ['application/json', 'application/problem+json'])
})

function withoutExamples(value: unknown) {
  return JSON.parse(JSON.stringify(value), (key, member) => (key === 'examples' || key === 'example' ? undefined : member))
}

/** 3.0 says `nullable` where 3.1 has `null` among the types. */
function nullableBySchema30(value: unknown) {
  return JSON.parse(JSON.stringify(value), (_key, member) => {
    const { type } = (member ?? {}) as Schema
    return Array.isArray(type) ? { ...member, type: type[0], nullable: true } : member
  })
}

function withoutPlainProblems(paths: unknown): ApiDocument['paths'] {
  const isProblem = (value: unknown) => typeof value === 'object' && value !== null && 'application/problem+json' in value
  return JSON.parse(JSON.stringify(paths), (_key, member) => (isProblem(member) ? { ...member, 'application/json': undefined } : member))
}

function bodiesOf(paths: ApiDocument['paths']) {
  const all = Object.values(paths).flatMap((item) => Object.values(item))
  return all.map(({ requestBody, responses }) => [requestBody, ...Object.values(responses).map(({ content }) => content)])
}

t.test('what OpenAPI 3.0 cannot say is refused, wherever it stands', async (t) => {
  const wrong: Schema[] = [
    { const: 'x' } as Schema,
    { type: ['string', 'integer'] } as unknown as Schema,
    { type: ['null', 'string'] } as unknown as Schema,
    { type: 'null' },
    { $ref: '#/components/schemas/Me', description: 'A user.' } as Schema,
    { type: 'object', patternProperties: {} } as Schema,
    { anyOf: [{ type: 'null' }] } as Schema,
    { exclusiveMinimum: 0 } as Schema,
  ]
  for (const schema of wrong) {
    for (const holder of [schema, { items: schema }, { properties: { a: schema } }, { additionalProperties: schema }] as Schema[]) {
      const changed = { ...document, components: { ...document.components, schemas: { ...document.components.schemas, A: holder } } }
      t.throws(() => inOpenApi30(changed), { message: /^OpenAPI 3.0 cannot say / }, JSON.stringify(holder))
    }
  }
})
