import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { env } from 'node:process'
import { chromium } from 'playwright-core'
import type { Test } from 'tap'

const executablePath = env.CHROMIUM ?? '/usr/bin/chromium'
const TIMEOUT_MS = 30_000

/** A browser that ends with the test. */
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
    ],
  })
  t.teardown(() => browser.close())
  browser.setDefaultTimeout(TIMEOUT_MS)
  return browser
}
