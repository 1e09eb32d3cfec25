import type { Envelope, ReceivedEvent } from '@converge/contracts';
import type { ConsumerDefinition } from './define-consumer.ts';
import type { Routed, Subscription } from './subscription.ts';

export type Route<DB> =
  | { readonly kind: 'handle'; readonly event: ReceivedEvent; readonly subscription: Subscription<DB> }
  | Exclude<Routed, { kind: 'handle' }>;

/** Finds the subscription of an envelope and parses it. Throws what the parse throws. */
export type Router<DB> = (envelope: Envelope) => Route<DB>;

export function router<DB>({ subscriptions }: Pick<ConsumerDefinition<DB>, 'subscriptions'>): Router<DB> {
  const byType = Map.groupBy(subscriptions, ({ topic, type }) => id(topic, type));
  return (envelope) => {
    let skipped: Route<DB> = { kind: 'skip', why: 'unknown_type' };
    // More than one only for failure events: each looks at the type of the failed event.
    for (const subscription of byType.get(id(envelope.topic, envelope.type)) ?? []) {
      const routed = subscription.route(envelope);
      if (routed.kind === 'handle') return { ...routed, subscription };
      if (routed.why === 'uncertain') skipped = routed;
    }
    return skipped;
  };
}

function id(topic: string, type: string): string {
  return `${topic} ${type}`;
}
