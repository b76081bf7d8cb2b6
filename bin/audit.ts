// Runs `npm audit`. Exit code 1: it has found something that is not explained here; 2: it could not ask, and says why.
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
  readonly error?: { readonly summary?: string }
}

const FOUND = 1
/** Nobody knows whether something is vulnerable. */
const NOT_AUDITED = 2
/** The statuses of registries without an audit endpoint. */
const NO_ENDPOINT = [404, 405, 501]

// Offline, npm would find nothing without having asked.
const { stdout, error } = spawnSync('npm', ['audit', '--json', '--offline=false'], {
  encoding: 'utf8',
  shell: process.platform === 'win32',
})
const report = parse(stdout)
process.exitCode =
  report?.auditReportVersion === undefined
    ? printReason(report, error)
    : printAdvisories(Object.values(report.vulnerabilities).flatMap(({ via }) => via.filter((each) => typeof each !== 'string')))

function parse(text: string | null): Report | undefined {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return undefined
  }
}

function printReason(answer: Report | undefined, error: Error | undefined): number {
  const status = answer?.statusCode ?? 0
  const reason = NO_ENDPOINT.includes(status)
    ? `this registry has no audit endpoint (it answers ${status})`
    : `the registry could not be asked: ${answer?.message ?? answer?.error?.summary ?? error?.message ?? 'npm says nothing'}`
  console.log(`NOT AUDITED: ${reason}`)
  return NOT_AUDITED
}

function printAdvisories(advisories: readonly Advisory[]): number {
  for (const { name, range, severity, title, url } of advisories) {
    console.log(`${name} ${range}: ${severity}: ${title} ${url}: ${explained[idOf(url)] ?? 'NOT EXPLAINED'}`)
  }
  const unexplained = advisories.filter(({ url }) => explained[idOf(url)] === undefined)
  console.log(`${advisories.length} findings, ${unexplained.length} not explained`)
  return unexplained.length === 0 ? 0 : FOUND
}

/** `GHSA-…`, the last part of its address. */
function idOf(url: string): string {
  return url.slice(url.lastIndexOf('/') + 1)
}
