import { ensureChildren } from '@convergekit/outbox/engine';
import type { RelayOptions } from '../options.ts';
import type { RelayProcessSettings } from './settings.ts';

/**
 * The relay's options from the settings. `source` is its name where there are several. Options that the settings leave
 * out have the relay's own defaults.
 */
export function relayOptions(
  { relay, outbox }: RelayProcessSettings,
  source?: string,
): Omit<RelayOptions, 'database' | 'broker'> {
  const { poll, leaseMs, retainMs, retainRequestsMs, childEvents: span } = relay;
  return {
    poll: given({ maxMs: poll.maxMs }),
    outbox: { whenFull: outbox.whenFull, ...given({ maxBytes: outbox.maxBytes }) },
    retention: given({ retainMs, retainRequestsMs }),
    ...given({ leaseMs, signingKey: source === undefined ? relay.signingKey : relay.signingKeys[source] }),
    ...(span === undefined
      ? {}
      : { upkeep: ({ executor }, signal) => ensureChildren(executor, { span, signal }) }),
  };
}

/** Removes undefined values, which must not overwrite defaults. */
function given<T extends object>(values: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}
