import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { env } from 'node:process'
import { chromium } from 'playwright-core'
import type { Test } from 'tap'

const executablePath = env.CHROMIUM ?? '/usr/bin/chromium'
const TIMEOUT_MS = 30_000

/** A browser that ends with the test. To it every host under `.test` is this machine. */
export async function openBrowser(t: Pick<Test, 'teardown'>) {
  const profile = await mkdtemp(join(tmpdir(), 'latchkey-docs-'))
  t.teardown(() => rm(profile, { recursive: true, force: true }))
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    viewport: { width: 1280, height: 1000 },
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--host-resolver-rules=MAP *.test 127.0.0.1',
    ],
  })
  t.teardown(() => browser.close())
  browser.setDefaultTimeout(TIMEOUT_MS)
  return browser
}

/** The port of another site, with one page. `127.0.0.1` with it is one origin, `localhost` with it another, and so is each host under `.test`. */
export async function sitePort(t: Pick<Test, 'teardown'>): Promise<number> {
  const server = createServer((_request, response) =>
    response.setHeader('content-type', 'text/html').end('<!doctype html><title>site</title>'),
  )
  server.listen(0)
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}
