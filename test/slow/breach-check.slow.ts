import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { build, logIn, PASSWORD, post, register } from '../helper.ts'
import { rangeServer } from '../range-server.ts'

async function msOf(work: Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work
  return performance.now() - began
}

t.test('a breach checker that hangs delays each new password by one second, and no other request', async (t) => {
  let isHanging = false
  const { url } = await rangeServer(t, (_request, response) => {
    if (!isHanging) response.end()
  })
  const app = await build(t, { BREACH_CHECK_URL: url })
  await register(app, 'first')
  await logIn(app, 'first')
  isHanging = true

  const loop = monitorEventLoopDelay({ resolution: 1 })
  loop.enable()
  const names = Array.from({ length: 20 }, (_, index) => `user${index}`)
  const registrations = names.map((username) => msOf(post(app, '/api/users/', { username, password: PASSWORD })))
  await sleep(100)
  const logins: number[] = []
  for (let i = 0; i < 20; i++) logins.push(await msOf(logIn(app, 'first')))
  const waited = await Promise.all(registrations)
  loop.disable()

  const [least, most, login] = [Math.min(...waited), Math.max(...waited), Math.max(...logins)]
  t.comment(`registrations took ${least.toFixed()} to ${most.toFixed()} ms, logins beside them at most ${login.toFixed()} ms`)
  t.comment(`the event loop stood still for at most ${(loop.max / 1e6).toFixed(1)} ms`)
  t.ok(least >= 990 && most < 1500, 'a registration waits a second in all, also among many')
  t.ok(login < 500, 'a login does not wait')
  t.same(app.breachCheck.stats, { breached: 0, unknown: 1, failed: 20 })
})
