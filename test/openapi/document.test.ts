// Not on PostgreSQL: it uses no database but to start.
import { readFile } from 'node:fs/promises'
import { Validator } from '@seriousme/openapi-schema-validator'
import t from 'tap'
import { problems } from '../../domain/errors.ts'
import type { ApiDocument, Media, Operation } from '../../http/api-document.ts'
import { build } from '../helper.ts'
import { compiled } from './schemas.ts'

const app = await build(t)
const document: ApiDocument = (await app.inject('/openapi.json')).json()
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ name: `${method} ${path}`, method, operation })),
)
const isSuccess = (status: string) => status.startsWith('2')

function answers({ responses }: Operation, wanted: (status: string) => boolean) {
  return Object.entries(responses).filter(([status]) => wanted(status))
}

/** The codes that an operation can answer, with their statuses: each is an example of its answer. */
function codesOf(operation: Operation): string[] {
  return answers(operation, (status) => !isSuccess(status)).flatMap(([status, { content }]) =>
    Object.keys(content?.['application/problem+json']?.examples ?? {}).map((code) => `${code} ${status}`),
  )
}

for (const [path, version] of [
  ['openapi.json', '3.1'],
  ['openapi-3.0.json', '3.0'],
] as const) {
  t.test(`${path} in the repository is not stale (npm run openapi writes it)`, async (t) => {
    t.same(JSON.parse(await readFile(new URL(`../../${path}`, import.meta.url), 'utf8')), (await app.inject(`/${path}`)).json())
  })

  t.test(`${path} is valid OpenAPI ${version}`, async (t) => {
    const validator = new Validator()
    t.same(await validator.validate((await app.inject(`/${path}`)).json()), { valid: true })
    t.equal(validator.version, version)
  })
}

t.test('the document does not depend on the settings, but for its server, which is PUBLIC_URL', async (t) => {
  const other = await build(t, {
    PUBLIC_URL: 'https://example.com/auth',
    REFRESH_ROTATION: 'off',
    REGISTRATION: 'closed',
    JWKS_MAX_AGE: '1',
  })
  t.same((await other.inject('/openapi.json')).json(), { ...document, servers: [{ url: 'https://example.com/auth' }] })
})

t.test('while PUBLIC_URL is unset the server is where the document came from, on every port', async (t) => {
  for (const env of [{}, { PORT: '4000' }]) {
    const app = await build(t, env)
    t.same((await app.inject('/openapi.json')).json().servers, [{ url: '/' }])
  }
})

t.test('the document says where an access token comes from, in its description and where a person puts it', async (t) => {
  const { accessToken } = document.components.securitySchemes as Record<string, { description: string }>
  for (const text of [document.info.description, accessToken?.description]) {
    t.match(text, /`POST \/api\/token\/`[\s\S]* `access`|`access`[\s\S]* `POST \/api\/token\/`/)
  }
})

t.test('the document has no internal keywords, and no HEAD operations', async (t) => {
  t.notMatch(JSON.stringify(document), /"x-[a-z-]+":|\$id/)
  t.same([...new Set(operations.map(({ method }) => method))].sort(), ['delete', 'get', 'patch', 'post'])
})

t.test('every operation has its own id', async (t) => {
  const ids = operations.map(({ operation }) => operation.operationId)
  t.equal(new Set(ids).size, ids.length)
})

for (const { name, operation } of operations) {
  t.test(`${name} has an id, a tag, words, and schemas with examples`, async (t) => {
    t.match(operation, { operationId: /^[a-z][A-Za-z]+$/, summary: /\w/, description: /[.)]$/, tags: [/\w/] })
    const bodies = operation.requestBody?.content ?? {}
    const successes = answers(operation, isSuccess)
    t.equal(successes.length, 1, 'one success')
    t.same(
      successes.filter(([status, { content }]) => (status === '204') !== (content === undefined)),
      [],
      'nothing in a 204, and only there',
    )
    const media = [
      ...Object.values(bodies),
      ...successes.flatMap(([, { content }]) => (content ? [content['application/json'] as Media] : [])),
    ]
    t.ok(
      media.every(({ schema, example }) => schema.$ref && example),
      'named schemas and examples',
    )
  })

  t.test(`${name} has every code under its status`, async (t) => {
    const known = codesOf(operation).map((one) => one.split(' ') as [keyof typeof problems, string])
    t.ok(known.length > 0)
    t.same(
      known.filter(([code, status]) => !problems[code].statuses.some((one) => String(one) === status)),
      [],
    )
    t.same(
      known.filter(([code]) => !codesOf(operation).includes(`${code} ${problems[code].statuses[0]}`)),
      [],
    )
  })
}

t.test('a code that has a second status has it where that is answered', async (t) => {
  const second = operations.filter(({ operation }) => codesOf(operation).includes('bad_authorization_header 400'))
  t.same(
    second.map(({ operation }) => operation.operationId),
    ['authenticateByHeader'],
  )
})

t.test('every example is valid against its schema', async (t) => {
  const ajv = compiled(document)
  const media = operations.flatMap(({ name, operation: { requestBody, responses } }) =>
    [requestBody, ...Object.values(responses)].flatMap((answer) => Object.values(answer?.content ?? {}).map((one) => ({ name, ...one }))),
  )
  for (const { name, schema, example, examples = {} } of media) {
    const validate = ajv.getSchema(`api${schema.$ref}`)
    for (const value of [...(example === undefined ? [] : [example]), ...Object.values(examples).map((one) => one.value)]) {
      t.ok(validate?.(value), `${name}: ${JSON.stringify(value)} ${JSON.stringify(validate?.errors)}`)
      t.notOk(Object.values(value as object).includes(undefined))
    }
  }
})

t.test('the error table and the document have the same codes', async (t) => {
  const table = String(document.info.description).matchAll(/^\| `(\w+)` \| ([\d, ]+) \|/gm)
  const documented = [...table].map(([, code, statuses]) => [code, statuses?.split(', ').map(Number)])
  t.same(Object.fromEntries(documented), Object.fromEntries(Object.entries(problems).map(([code, { statuses }]) => [code, statuses])))
  // It belongs to no operation: it answers a method that a path does not have.
  const ofNoOperation = ['method_not_allowed']
  const ofOperations = operations.flatMap(({ operation }) => codesOf(operation).map((known) => known.split(' ')[0]))
  t.same(
    Object.keys(problems).filter((code) => !ofOperations.includes(code)),
    ofNoOperation,
  )
})

t.test('only the bodies of header authentication and of a change of a user are optional', async (t) => {
  const optional = operations.filter(({ operation }) => operation.requestBody?.required === false)
  t.same(
    optional.map(({ operation }) => operation.operationId),
    ['authenticateByHeader', 'changeUser'],
  )
})
