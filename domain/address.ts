import { BlockList, isIP } from 'node:net'
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
  return prefixOf(address, 64)
}

/** In whose names a request waits: the network of one customer, and the part of it that is usually one household or machine. */
export type Shares = readonly [wide: string, narrow: string]

/**
 * The networks that share what is scarce: alike among the wide ones, and within a wide one alike among the narrow ones. An IPv4 address is
 * both; of an IPv6 address they are the first 48 bits, which a customer can have, and the first 64.
 *
 * @param address in its normal form, or a network as `networkOf` writes it; null for a request without one, which all count as one network
 */
export function sharesOf(address: string | null): Shares {
  const [bare = ''] = (address ?? '').split('/')
  return [wideNetworkOf(bare), networkOf(bare)]
}

/** The network that one customer may have: an IPv4 address, or the first 48 bits of an IPv6 address. */
export function wideNetworkOf(address: string): string {
  return prefixOf(address, 48)
}

function prefixOf(address: string, bits: number): string {
  return isIP(address) === 6 ? `${ipaddr.IPv6.networkAddressFromCIDR(`${address}/${bits}`).toRFC5952String()}/${bits}` : address
}

/** The addresses that begin with the same bits as this one; with no bits, all of its family. */
interface Range {
  readonly address: string
  readonly family: 'ipv4' | 'ipv6'
  readonly bits: number
}

/**
 * A range of addresses in CIDR notation, or of one address; mapped IPv4 as IPv4.
 *
 * @returns undefined for anything else, and for one with a zone
 */
export function rangeOf(cidr: string): Range | undefined {
  const [base = '', bits, ...rest] = cidr.split('/')
  const address = isIP(base) > 0 && !base.includes('%') ? normalAddress(base) : undefined
  if (address === undefined || rest.length > 0 || (bits !== undefined && !/^(0|[1-9]\d{0,2})$/.test(bits))) return undefined
  const family = familyOf(address)
  const longest = family === 'ipv4' ? 32 : 128
  const mapping = isIP(base) === 6 && family === 'ipv4' ? 96 : 0
  const range = { address, family, bits: bits === undefined ? longest : Number(bits) - mapping } as const
  return range.bits >= 0 && range.bits <= longest ? range : undefined
}

/**
 * Makes what tells whether an address is in one of some ranges. Each is brought into normal form first, as `normalAddress` does: proxies and
 * sockets write the same address in several ways. What is no address is in none.
 */
export function inRanges(cidrs: readonly string[]): (text: string | undefined) => boolean {
  // A list a family, because `BlockList` takes IPv4 for mapped into IPv6: `::/8` would have all of it.
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() }
  for (const { address, family, bits } of cidrs.flatMap((cidr) => rangeOf(cidr) ?? [])) lists[family].addSubnet(address, bits, family)
  return (text) => {
    const address = normalAddress(text)
    return address !== undefined && lists[familyOf(address)].check(address, familyOf(address))
  }
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 4 ? 'ipv4' : 'ipv6'
}
