// The process that keeps the server of `start.ts`, and ends it when the one that started it is gone, however that ended: the channel
// between them closes then.
import { once } from 'node:events'
import { startServer } from './server.ts'

const over = Promise.race([once(process, 'disconnect'), once(process, 'SIGTERM')])
const { url, stop } = await startServer(process.argv[2] as string)
process.send?.(url, () => {
  // Whoever is gone by now needs no answer.
})
await over
await stop()
process.exit()
