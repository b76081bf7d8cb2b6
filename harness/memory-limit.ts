import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A limit on the memory of processes, swap included: the kernel kills a process that exceeds it. */
export interface MemoryLimit {
  /** The version of Linux's control groups that enforces it. */
  readonly kind: 'cgroup v1' | 'cgroup v2'
  /** A command that runs `command` under the limit. */
  limited(command: readonly string[]): string[]
  /** How many processes the kernel has killed because of it. */
  kills(): number
  /** Removes the limit; its processes must have ended. */
  remove(): void
}

const ROOT = '/sys/fs/cgroup'

/** @returns a limit in MiB, or undefined where none can be set: that takes root on Linux */
export function limitMemory(mib: number): MemoryLimit | undefined {
  const bytes = String(mib * 1024 * 1024)
  const name = `latchkey-${process.pid}-${mib}`
  try {
    return existsSync(join(ROOT, 'cgroup.controllers')) ? version2(join(ROOT, name), bytes) : version1(join(ROOT, 'memory', name), bytes)
  } catch {
    return undefined
  }
}

function version1(folder: string, bytes: string): MemoryLimit {
  mkdirSync(folder)
  writeFileSync(join(folder, 'memory.limit_in_bytes'), bytes)
  writeFileSync(join(folder, 'memory.memsw.limit_in_bytes'), bytes)
  return group('cgroup v1', folder, 'memory.oom_control')
}

function version2(folder: string, bytes: string): MemoryLimit {
  writeFileSync(join(ROOT, 'cgroup.subtree_control'), '+memory')
  mkdirSync(folder)
  writeFileSync(join(folder, 'memory.max'), bytes)
  writeFileSync(join(folder, 'memory.swap.max'), '0')
  return group('cgroup v2', folder, 'memory.events')
}

function group(kind: MemoryLimit['kind'], folder: string, events: string): MemoryLimit {
  return {
    kind,
    limited: (command) => ['sh', '-c', `echo $$ > ${folder}/cgroup.procs && exec "$@"`, 'sh', ...command],
    kills: () => Number(/^oom_kill (\d+)$/m.exec(readFileSync(join(folder, events), 'utf8'))?.[1]),
    remove: () => rmdirSync(folder),
  }
}
