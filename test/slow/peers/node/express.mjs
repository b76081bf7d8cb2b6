import express from 'express'
import { asked, offline, tokenOf } from './latchkey.mjs'

/** Lets pass whose token is good by `check`, as `request.user`. */
const protectedBy = (check) => async (request, response, next) => {
  const token = tokenOf(request.get('Authorization'))
  if (token === undefined) return response.set('WWW-Authenticate', 'Bearer').sendStatus(401)
  try {
    request.user = await check(token)
  } catch (error) {
    console.error(`no verdict on a token: ${error.message}`)
    return response.sendStatus(503)
  }
  if (request.user === undefined) return response.set('WWW-Authenticate', 'Bearer error="invalid_token"').sendStatus(401)
  next()
}

const app = express()
app.get('/me', protectedBy(offline), (request, response) => response.type('text').send(request.user))
app.get('/asked', protectedBy(asked), (request, response) => response.type('text').send(request.user))
app.listen(process.env.PORT, '127.0.0.1')
