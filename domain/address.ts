import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/** How proxies write an address with its port; the brackets also without one. */
const WITH_PORT = /^(?:\[([^\]]*)\](?::\d{1,5})?|(\d+(?:\.\d+){3}):\d{1,5})$/

/**
 * An address in the one form under which it is kept, logged and counted: IPv4 with four decimal numbers, also where it
 * came mapped into IPv6; IPv6 as RFC 5952 §4 writes it, without its zone.
 *
 * @param text an address, perhaps with a port
 * @returns undefined for anything else
 */
export function normalAddress(text: string | undefined): string | undefined {
  const [, bracketed, dotted] = WITH_PORT.exec(text ?? '') ?? []
  const bare = bracketed ?? dotted ?? text ?? ''
  // Not ipaddr.js alone: it also takes the octal, hexadecimal and shortened forms of the C library.
  const family = isIP(bare)
  if (family === 4) return bare
  if (family === 0) return undefined
  const address = ipaddr.IPv6.parse(bare.replace(/%.*$/, ''))
  return address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : address.toRFC5952String()
}

/** The network that limits count by: an IPv4 address, or the first 64 bits of an IPv6 address, which one customer usually has. */
export function networkOf(address: string): string {
  return firstBits(address, 64)
}

/** The network that turns go round by: an IPv4 address, or the first 48 bits of an IPv6 address, the most that one customer has. */
export function wideNetworkOf(address: string): string {
  return firstBits(address, 48)
}

function firstBits(address: string, bits: number): string {
  return isIP(address) === 6 ? `${ipaddr.IPv6.networkAddressFromCIDR(`${address}/${bits}`).toRFC5952String()}/${bits}` : address
}
