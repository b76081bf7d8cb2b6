import type { Kept, Store } from './careful.ts'

const KEY = 'latchkey'

/** The store of a page: the refresh token in `localStorage`, which all tabs share, the access token in the memory of the tab alone. */
export function pageStore(storage: Storage): Store {
  let inMemory: Kept | undefined
  const read = (): Kept | undefined => JSON.parse(storage.getItem(KEY) ?? 'null') ?? undefined
  const write = (kept: Kept | undefined) => {
    inMemory = kept
    if (kept === undefined) storage.removeItem(KEY)
    else storage.setItem(KEY, JSON.stringify({ username: kept.username, refresh: kept.refresh }))
  }
  return {
    async read() {
      const kept = read()
      return kept && inMemory?.username === kept.username ? { ...kept, access: inMemory.access } : kept
    },
    async write(kept) {
      write(kept)
    },
    async replace(refresh, next) {
      if (read()?.refresh === refresh) write(next)
    },
  }
}
