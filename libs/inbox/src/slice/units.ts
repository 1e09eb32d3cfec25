import type { ReceivedEvent } from '@convergekit/contracts';
import type { Subscription } from '../define/subscription.ts';

export interface Handled<DB> {
  readonly event: ReceivedEvent;
  readonly subscription: Subscription<DB>;
}

/** A call of a handler, for one event or a batch. */
export interface Unit<DB> {
  readonly subscription: Subscription<DB>;
  readonly events: readonly ReceivedEvent[];
}

interface Gathering {
  readonly events: ReceivedEvent[];
  /** Built at the first event of another handler, which most slices never have. */
  keys?: Set<string>;
}

/**
 * Groups the events of a slice into calls. A batch gathers all events of its type until an event of another handler has a
 * key of the batch: then the batch runs first, so that calls for one key stay in the order of the log. Pure.
 */
export function unitsOf<DB>(handled: readonly Handled<DB>[]): readonly Unit<DB>[] {
  const units: Unit<DB>[] = [];
  const gathering = new Map<Subscription<DB>, Gathering>();
  const flush = (subscription: Subscription<DB>, { events }: Gathering): void => {
    units.push({ subscription, events });
    gathering.delete(subscription);
  };
  for (const { event, subscription } of handled) {
    for (const [other, batch] of gathering)
      if (other !== subscription && keysOf(batch).has(event.key)) flush(other, batch);
    if (subscription.kind !== 'batch') {
      units.push({ subscription, events: [event] });
      continue;
    }
    const batch: Gathering = gathering.get(subscription) ?? { events: [] };
    gathering.set(subscription, batch);
    batch.events.push(event);
    batch.keys?.add(event.key);
  }
  for (const [subscription, batch] of gathering) flush(subscription, batch);
  return units;
}

function keysOf(batch: Gathering): ReadonlySet<string> {
  return (batch.keys ??= new Set(batch.events.map(({ key }) => key)));
}
