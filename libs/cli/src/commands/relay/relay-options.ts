import { ensureChildren } from '@convergekit/outbox';
import type { RelayOptions } from '@convergekit/relay';
import type { Settings } from '../../frame/settings.ts';

// Sending stops so long before the lease ends, and a request takes no longer: what a deposed relay had in flight has
// come back, or was given up, when the next one begins.
export const STOP_BEFORE_MS = 2_000;

/**
 * What the settings say of a relay of this process, `source` being its name where there are several; what they leave out is
 * the relay's own default.
 */
export function relayOptions(
  { relay, outbox }: Settings,
  source?: string,
): Omit<RelayOptions, 'database' | 'broker'> {
  const { poll, leaseMs, retainMs, retainRequestsMs, childEvents: span } = relay;
  return {
    stopBeforeMs: STOP_BEFORE_MS,
    poll: given({ minMs: poll.minMs, maxMs: poll.maxMs }),
    outbox: { whenFull: outbox.whenFull, ...given({ maxBytes: outbox.maxBytes }) },
    retention: given({ retainMs, retainRequestsMs }),
    ...given({ leaseMs, signingKey: source === undefined ? relay.signingKey : relay.signingKeys[source] }),
    ...(span === undefined
      ? {}
      : { upkeep: ({ executor }, signal) => ensureChildren(executor, { span, signal }) }),
  };
}

/** Without what is undefined: a default must not be overwritten by nothing. */
function given<T extends object>(values: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}
