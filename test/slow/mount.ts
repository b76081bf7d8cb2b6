import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cleanup, folder } from '../server/process.ts'

const SIZE = '2m'
const MIB = 1024 * 1024
const BLOCK = 4096

/** Mounts a small file system at a folder. */
type Mount = (place: string) => void

const memoryOf =
  (size: string): Mount =>
  (place) =>
    void execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', place], { stdio: 'ignore' })
const memory = memoryOf(SIZE)

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
export function disk(t: Cleanup, size = SIZE): string {
  return mounted(t, memoryOf(size))
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
  for (const size of [MIB, BLOCK]) {
    try {
      for (const chunk = Buffer.alloc(size); ; ) appendFileSync(file, chunk)
    } catch {
      // The file system is full. What was written stays.
    }
  }
}
