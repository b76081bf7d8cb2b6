// Runs `npm audit`, and fails on every finding that is not explained here. If the registry has no audit endpoint, it says so and passes.
import { spawnSync } from 'node:child_process'

/** Findings that do not affect the service, by their id, each with the reason. */
const explained: Readonly<Record<string, string>> = {}

interface Advisory {
  readonly name: string
  readonly title: string
  readonly url: string
  readonly severity: string
  readonly range: string
}

interface Report {
  readonly auditReportVersion?: number
  /** By package. A string in `via` is another package through which this one is affected. */
  readonly vulnerabilities: Readonly<Record<string, { readonly via: readonly (Advisory | string)[] }>>
  /** Present when the answer is no report. */
  readonly statusCode?: number
  readonly message?: string
}

/** The statuses of registries without an audit endpoint. */
const NO_ENDPOINT = [404, 405, 501]

const { stdout } = spawnSync('npm', ['audit', '--json'], { encoding: 'utf8', shell: process.platform === 'win32' })
const report = JSON.parse(stdout || '{}') as Report
if (report.auditReportVersion !== undefined) {
  process.exitCode = printAdvisories(
    Object.values(report.vulnerabilities).flatMap(({ via }) => via.filter((each) => typeof each !== 'string')),
  )
} else if (NO_ENDPOINT.includes(report.statusCode ?? 0)) {
  console.log(`NOT AUDITED: this registry has no audit endpoint (it answers ${report.statusCode})`)
} else {
  console.log(`the audit failed: ${report.message ?? 'npm says nothing'}`)
  process.exitCode = 1
}

function printAdvisories(advisories: readonly Advisory[]): number {
  for (const { name, range, severity, title, url } of advisories) {
    console.log(`${name} ${range}: ${severity}: ${title} ${url}: ${explained[idOf(url)] ?? 'NOT EXPLAINED'}`)
  }
  const unexplained = advisories.filter(({ url }) => explained[idOf(url)] === undefined)
  console.log(`${advisories.length} findings, ${unexplained.length} not explained`)
  return unexplained.length === 0 ? 0 : 1
}

/** `GHSA-…`, the last part of its address. */
function idOf(url: string): string {
  return url.slice(url.lastIndexOf('/') + 1)
}
