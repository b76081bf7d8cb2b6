import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cleanup, folder } from '../server/process.ts'

const SIZE = '2m'

/** Mounts a small file system at a folder. */
type Mount = (place: string) => void

const memory: Mount = (place) => void execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', place], { stdio: 'ignore' })

/** One that can be made to fail: a file as a disk. */
const image: Mount = (place) => {
  execFileSync('truncate', ['--size=8M', `${place}.img`])
  execFileSync('mkfs.ext4', ['-q', '-F', `${place}.img`], { stdio: 'ignore' })
  execFileSync('mount', ['-o', 'loop', `${place}.img`, place], { stdio: 'ignore' })
}

/** Takes a file system away, though processes have files of it open. */
export function unmount(place: string): void {
  execFileSync('umount', ['--lazy', place], { stdio: 'ignore' })
}

/** Whether this can be mounted here: that takes root, and a machine that allows it. */
function works(mount: Mount): boolean {
  const dir = mkdtempSync(join(tmpdir(), 'latchkey-mount-'))
  const place = join(dir, 'disk')
  try {
    mkdirSync(place)
    mount(place)
    unmount(place)
    return true
  } catch {
    return false
  } finally {
    rmSync(dir, { recursive: true })
  }
}

const orSkip = (isPossible: boolean) => (isPossible ? {} : { skip: 'no such file system can be mounted here' })
/** Options of a test that takes a `disk`. */
export const needsMount = orSkip(works(memory))
/** Options of a test that takes a `failingDisk`. */
export const needsFailing = orSkip(works(image))

/** A small file system, which is unmounted after the test. */
export function disk(t: Cleanup): string {
  return mounted(t, memory)
}

/** The same, for `failNow`. */
export function failingDisk(t: Cleanup): string {
  return mounted(t, image)
}

function mounted(t: Cleanup, mount: Mount): string {
  const place = `${folder(t)}/disk`
  mkdirSync(place)
  mount(place)
  t.teardown(() => {
    try {
      unmount(place)
    } catch {
      // The test has done so.
    }
  })
  return place
}

/** Lets the kernel do what it does when the disk fails: from now on nothing can be written, whoever has files open. */
export function failNow(place: string): void {
  execFileSync('mount', ['-o', 'remount,abort', place])
}

export function makeReadOnly(place: string): void {
  execFileSync('mount', ['-o', 'remount,ro', place])
}

/** Fills the file system with one file; without that file it has space again. */
export function fill(file: string): void {
  const chunk = Buffer.alloc(4096)
  try {
    for (let all = chunk; ; all = Buffer.concat([all, chunk])) writeFileSync(file, all)
  } catch {
    // The file system is full. What was written stays.
  }
}
