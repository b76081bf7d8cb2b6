import fc from 'fast-check'
import { sweep } from '../../domain/sweeping.ts'
import { setActive } from '../operator.ts'
import type { Token, User } from './reference.ts'
import { agree, type Pick, type World } from './world.ts'

/** What a client, a thief, a user or the operator does, on the service and on the reference. */
type Step = (world: World, pick: Pick) => Promise<void>

export const PASSWORDS = ['correct horse battery', 'another horse battery']

const refreshOnce = (world: World, token: Token) => world.ask('POST', '/api/token/refresh/', { refresh: world.texts.get(token) as string })

export const steps: Record<string, Step> = {
  async login(world, pick) {
    const user = pick.of(world.users) as User
    const { verdict, body } = await world.ask('POST', '/api/token/', { username: user.name, password: user.password })
    agree('login', verdict, user.isActive ? 'ok' : 'No active account found with the given credentials')
    if (verdict === 'ok') world.learnPair(world.reference.logIn(user, world.now()), body as never)
  },
  async refresh(world, pick) {
    const token = world.token(pick, 'refresh')
    if (token === undefined) return
    const { verdict, body } = await refreshOnce(world, token)
    agree('refresh', verdict, world.reference.refresh(token, world.now()))
    const isLost = pick.number() % 3 === 0
    if (verdict === 'ok' && !isLost) world.learnPair(token.session, body as never)
  },
  async refreshTwiceAtOnce(world, pick) {
    const token = world.token(pick, 'refresh')
    if (token === undefined) return
    const answers = await Promise.all([refreshOnce(world, token), refreshOnce(world, token)])
    for (const [index, { verdict, body }] of world.inOrder(answers).entries()) {
      agree(`refresh ${index + 1} of 2`, verdict, world.reference.refresh(token, world.now()))
      if (verdict === 'ok') world.learnPair(token.session, body as never)
    }
  },
  async verify(world, pick) {
    const token = world.token(pick)
    if (token === undefined) return
    const { verdict } = await world.ask('POST', '/api/token/verify/', { token: world.texts.get(token) as string })
    agree('verify', verdict, world.reference.verify(token, world.now()))
  },
  async authenticate(world, pick) {
    const token = world.token(pick, 'access')
    if (token === undefined) return
    const { verdict } = await world.ask('POST', '/api/token/authentication-token-header/', {}, token)
    agree('header', verdict, world.reference.authenticate(token, world.now()))
  },
  async logOut(world, pick) {
    const token = world.token(pick, 'refresh')
    if (token === undefined) return
    const { verdict } = await world.ask('POST', '/api/token/blacklist/', { refresh: world.texts.get(token) as string })
    agree('logout', verdict, world.reference.logOut(token, world.now()))
  },
  async revoke(world, pick) {
    const token = world.token(pick)
    if (token === undefined) return
    const { verdict } = await world.ask('POST', '/api/token/revoke/', { token: world.texts.get(token) as string })
    agree('revoke', verdict, 'ok')
    world.reference.revoke(token, world.now())
  },
  async logOutOthers(world, pick) {
    const token = world.token(pick, 'access')
    if (token === undefined) return
    const { verdict } = await world.ask('DELETE', '/api/users/me/sessions/', undefined, token)
    agree('others', verdict, world.reference.authenticate(token, world.now()))
    const { session } = token
    if (verdict === 'ok') world.reference.endAll(session.user, 'logout_all', world.now(), (other) => other !== session)
  },
  async changePassword(world, pick) {
    const token = world.token(pick, 'access')
    if (token === undefined) return
    const { user } = token.session
    const next = PASSWORDS.find((password) => password !== user.password) as string
    const passwords = { current_password: user.password, new_password: next }
    const { verdict, body } = await world.ask('POST', '/api/users/me/password/', passwords, token)
    agree('password', verdict, world.reference.authenticate(token, world.now()))
    if (verdict === 'ok') world.learnPair(world.reference.changePassword(user, next, world.now()), body as never)
  },
  async disableOrEnable(world, pick) {
    const user = pick.of(world.users) as User
    user.isActive = !user.isActive
    await setActive(world.app, user.name, user.isActive)
    if (!user.isActive) world.reference.endAll(user, 'user_disabled', world.now())
  },
  async wait(world, pick) {
    const { grace, accessTtl, refreshTtl } = world.reference.rules
    world.advance([0.001, 0.5, 1, grace, grace + 0.001, accessTtl, refreshTtl / 2, refreshTtl][pick.number() % 8] as number)
  },
  async sweep(world) {
    await sweep(world.app)
  },
  async spike(world, pick) {
    const seconds = SPIKES[pick.number() % SPIKES.length] as number
    const meanwhile = ['sweep', 'refresh', 'login', 'verify', 'revoke', 'logOutOthers'][pick.number() % 6] as string
    world.jump(seconds)
    await steps[meanwhile]?.(world, pick)
    world.jump(-seconds)
  },
}

/** By how many seconds the clock is wrong: for good tokens to seem expired or not yet issued, and for some to seem still good. */
const SPIKES = [40 * 86_400, 90, -90, 250, 12 * 3600, -40 * 86_400]

/** The steps by weight: what happens most in use is drawn most often. */
export const drawn = fc.record({
  name: fc.oneof(
    { weight: 120, arbitrary: fc.constantFrom('refresh', 'refreshTwiceAtOnce', 'verify', 'wait') },
    { weight: 60, arbitrary: fc.constantFrom('login', 'authenticate') },
    { weight: 20, arbitrary: fc.constantFrom('logOut', 'revoke', 'logOutOthers', 'changePassword', 'disableOrEnable', 'sweep') },
    // After it a run goes on for ten minutes with little that ends: about one a run.
    { weight: 1, arbitrary: fc.constant('spike') },
  ),
  numbers: fc.array(fc.oneof(fc.constant(0), fc.nat(20)), { minLength: 3, maxLength: 3 }),
})
