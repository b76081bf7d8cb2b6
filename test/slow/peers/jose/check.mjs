// Prints the id of the user whose access token it is given.
import { createRemoteJWKSet, jwtVerify } from 'jose'

const issuer = process.env.ISSUER
const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`))

const { payload } = await jwtVerify(process.argv[2], keys, { issuer, audience: process.env.AUDIENCE, algorithms: ['ES256'] })
console.log(payload.sub)
