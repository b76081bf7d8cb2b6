import type { Handle } from '../../db/database.ts'
import { rememberAddress, trimKnownAddresses } from '../../db/known-addresses.ts'
import type { User } from '../../db/schema.ts'
import { networkOf } from '../address.ts'
import type { Core } from '../context.ts'
import type { Origin } from '../events/record.ts'

/** The network that an attempt counts for. Requests without an address, as over a Unix socket, count as one. */
export function networkFrom({ address }: Pick<Origin, 'address'>): string {
  return address === null ? '' : networkOf(address)
}

/**
 * Remembers that a user has logged in or registered from a network, so that the failures of others do not count there: in the transaction
 * that makes it true. Not the address of a proxy that `TRUST_PROXY` does not name, which anybody may share.
 *
 * @param isKnown whether it was remembered before
 */
export async function rememberNetwork(
  handle: Handle,
  { clock, config }: Pick<Core, 'clock' | 'config'>,
  user: Pick<User, 'id'>,
  origin: Origin,
  isKnown: boolean,
): Promise<void> {
  if (origin.address === null || origin.isShared || config.limits === 'off') return
  await rememberAddress(handle, { user_id: user.id, network: networkFrom(origin), last_at: clock() })
  if (!isKnown) await trimKnownAddresses(handle, user.id, config.knownAddressesPerUser)
}
