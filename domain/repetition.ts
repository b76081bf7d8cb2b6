import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from './clock.ts'

/**
 * Does some work again and again, `everyMs` after the last time has ended. It does not keep the process alive.
 *
 * @param onError called with the first failure of several in a row
 * @returns a function that ends it, and resolves when no work is under way
 */
export function repeat(work: () => Promise<void>, everyMs: number, onError: (error: unknown) => void): () => Promise<void> {
  let timer: NodeJS.Timeout | undefined
  let running = Promise.resolve()
  let isFailing = false
  let isOver = false
  const once = async () => {
    try {
      await work()
      isFailing = false
    } catch (error) {
      if (!isFailing) onError(error)
      isFailing = true
    }
    schedule()
  }
  const schedule = () => {
    if (isOver) return
    timer = setTimeout(() => {
      running = once()
    }, everyMs).unref()
  }
  schedule()
  return async () => {
    isOver = true
    clearTimeout(timer)
    await running
  }
}

/**
 * Work that many ask for at once, done at most once in `spacingMs`. A caller gets the result of work that began after it
 * asked: callers that ask in between share one.
 */
export function spaced<T>(work: () => Promise<T>, spacingMs: number): () => Promise<T> {
  let mayBegin: Promise<unknown> = Promise.resolve()
  let next: Promise<T> | undefined
  const begin = () => {
    next = undefined
    mayBegin = sleep(spacingMs)
    return work()
  }
  return () => {
    next ??= mayBegin.then(begin)
    return next
  }
}

/**
 * Tells of something that may happen often: the first time at once, and then at most once in `everyMs`.
 *
 * @param monotonic a clock that nobody sets, in milliseconds
 * @param tell gets how often it has happened since it was last told of, this time included, and what is said of the last time
 */
export function counted<T = void>(everyMs: number, monotonic: Clock, tell: (count: number, last: T) => void): (last: T) => void {
  let toldAt = Number.NEGATIVE_INFINITY
  let count = 0
  return (last) => {
    count++
    if (monotonic() - toldAt < everyMs) return
    toldAt = monotonic()
    tell(count, last)
    count = 0
  }
}
