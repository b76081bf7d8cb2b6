// Loaded into a server before it starts. To each message it answers the longest time that the event loop was blocked since
// the last one, in milliseconds.
import { monitorEventLoopDelay } from 'node:perf_hooks'

const RESOLUTION_MS = 1

const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
delay.enable()
process.channel?.unref()
process.on('message', () => {
  process.send?.(delay.max / 1e6 - RESOLUTION_MS)
  delay.reset()
})
