import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hand } from '../../../harness/postgres-programs.ts'
import { type Cleanup, folder } from '../../server/process.ts'

export interface Certificates {
  /** Of the authority, which signed the certificate of the server. */
  readonly authority: string
  /** Settings of a server that has that certificate. */
  readonly settings: Readonly<Record<string, string>>
}

/** Makes an authority, and a certificate of it for a host name. */
export function makeCertificates(t: Cleanup, host: string): Certificates {
  const place = folder(t)
  const shared = hand(folder(t))
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: place, stdio: ['ignore', 'ignore', 'pipe'] })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const [certificate, key] = [join(shared, 'server.crt'), join(shared, 'server.key')]
  openssl('req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=An authority', '-days', '2')
  openssl('req', ...newKey, '-keyout', key, '-out', 'server.csr', '-subj', `/CN=${host}`)
  writeFileSync(join(place, 'names'), `subjectAltName=DNS:${host}`)
  const signs = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'names']
  openssl('x509', '-req', '-in', 'server.csr', ...signs, '-out', certificate)
  for (const file of [certificate, key]) hand(file)
  const settings = { ssl: 'on', ssl_cert_file: `'${certificate}'`, ssl_key_file: `'${key}'` }
  return { authority: join(place, 'ca.crt'), settings }
}
