import { readFile } from 'node:fs/promises'
import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020 } from 'ajv/dist/2020.js'
import t from 'tap'
import { problems } from '../../domain/errors.ts'
import type { ApiDocument, Media, Operation } from '../../http/api-document.ts'
import { build } from '../helper.ts'

const app = await build(t)
const document: ApiDocument = (await app.inject('/openapi.json')).json()
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ name: `${method} ${path}`, method, operation })),
)
const isSuccess = (status: string) => status.startsWith('2')

function answers({ responses }: Operation, wanted: (status: string) => boolean) {
  return Object.entries(responses).filter(([status]) => wanted(status))
}

/** The codes that an operation's error type knows. */
function codesOf({ operationId }: Operation): string[] {
  const name = `${operationId.replace(/^./, (letter) => letter.toUpperCase())}Problem`
  return document.components.schemas[name]?.properties?.code?.enum as string[]
}

t.test('openapi.json in the repository is not stale (npm run openapi writes it)', async (t) => {
  t.same(JSON.parse(await readFile(new URL('../../openapi.json', import.meta.url), 'utf8')), document)
})

t.test('the document is valid OpenAPI 3.1', async (t) => {
  const validator = new Validator()
  t.same(await validator.validate(structuredClone(document) as unknown as Record<string, unknown>), { valid: true })
  t.equal(validator.version, '3.1')
})

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
  t.notMatch(JSON.stringify(document), /"x-|\$id/)
  t.same([...new Set(operations.map(({ method }) => method))].sort(), ['delete', 'get', 'post'])
})

t.test('every operation has its own id', async (t) => {
  const ids = operations.map(({ operation }) => operation.operationId)
  t.equal(new Set(ids).size, ids.length)
})

for (const { name, operation } of operations) {
  t.test(`${name} has an id, a summary, a tag, and schemas with examples`, async (t) => {
    t.match(operation, { operationId: /^[a-z][A-Za-z]+$/, summary: /\w/, tags: [/\w/] })
    const bodies = operation.requestBody?.content ?? {}
    t.same(Object.keys(bodies), operation.requestBody ? ['application/json', 'application/x-www-form-urlencoded'] : [])
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

  t.test(`${name} has one error schema, and every code of it under its status`, async (t) => {
    const failures = answers(operation, (status) => !isSuccess(status))
    const types = failures.map(([, { content }]) => content?.['application/problem+json']?.schema.$ref)
    t.equal(new Set(types).size, 1)
    const documented = failures.flatMap(([status, { content }]) =>
      Object.keys(content?.['application/problem+json']?.examples ?? {}).map((code) => `${code} ${status}`),
    )
    const known = codesOf(operation).flatMap((code) =>
      (problems[code as keyof typeof problems]?.statuses ?? []).map((status) => `${code} ${status}`),
    )
    t.same(documented.sort(), known.sort())
  })

  t.test(`${name} names the headers of its answers`, async (t) => {
    for (const [status, { headers }] of Object.entries(operation.responses)) {
      t.ok(headers['X-Request-Id'], status)
      t.equal('Retry-After' in headers, ['429', '503'].includes(status), `${status} Retry-After`)
    }
  })
}

t.test('every example is valid against its schema', async (t) => {
  const ajv = new Ajv2020({ strict: false, formats: { password: true, uri: true, 'date-time': true } }).addSchema(document, 'api')
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
  const ofOperations = operations.flatMap(({ operation }) => codesOf(operation))
  t.same(
    Object.keys(problems).filter((code) => !ofOperations.includes(code)),
    ofNoOperation,
  )
  t.same(
    ofOperations.filter((code) => !(code in problems)),
    [],
  )
})

t.test('only the body of header authentication is optional', async (t) => {
  const optional = operations.filter(({ operation }) => operation.requestBody?.required === false)
  t.same(
    optional.map(({ operation }) => operation.operationId),
    ['authenticateByHeader'],
  )
})
