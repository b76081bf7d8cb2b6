// Loaded into a server before it starts: tells, when it is asked to, how long its event loop was held at most since the
// last time.
import { monitorEventLoopDelay } from 'node:perf_hooks'

const RESOLUTION_MS = 1

const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
delay.enable()
process.channel?.unref()
process.on('message', () => {
  process.send?.(delay.max / 1e6 - RESOLUTION_MS)
  delay.reset()
})
