import type { Envelope } from '@convergekit/contracts/engine';
import type { ReceivedEvent } from '@convergekit/contracts';
import type { ConsumerDefinition } from './define-consumer.ts';
import type { Subscription } from './subscription.ts';

export type Route<DB> =
  | { readonly kind: 'handle'; readonly event: ReceivedEvent; readonly subscription: Subscription<DB> }
  | { readonly kind: 'skip'; readonly why: 'uncertain' | 'ignored' | 'elsewhere' }
  /** No handler takes the event; `type` is the name under which it would be registered. */
  | { readonly kind: 'unknown'; readonly type: string };

/** Finds the subscription of an envelope and parses the event. Throws what the parse throws. */
export type Router<DB> = (envelope: Envelope) => Route<DB>;

export function router<DB>({
  subscriptions,
  ignored,
}: Pick<ConsumerDefinition<DB>, 'subscriptions' | 'ignored'>): Router<DB> {
  const withdrawn = Map.groupBy(ignored, ({ type }) => type);
  const byType = Map.groupBy(subscriptions, ({ type }) => type);
  return (envelope) => {
    const { topic, type } = envelope;
    if (withdrawn.get(type)?.some((one) => one.topic === topic) === true)
      return { kind: 'skip', why: 'ignored' };
    let skipped: Route<DB> = { kind: 'unknown', type };
    // A type has several subscriptions only for failure events (one per failed type) and for parts of the kit.
    for (const subscription of byType.get(type) ?? []) {
      if (subscription.topic !== topic) continue;
      const routed = subscription.route(envelope);
      if (routed.kind === 'handle') return { ...routed, subscription };
      if (routed.why === 'uncertain') skipped = routed;
      else if (routed.why === 'elsewhere') skipped = elsewhere(skipped, type, routed.sagaRef);
      else if (skipped.kind === 'unknown')
        skipped = { kind: 'unknown', type: registeredType({ type, failedType: routed.of }) };
    }
    return skipped;
  };
}

/** Keeps what another subscription decided: for that one the event may be unknown. */
function elsewhere<DB>(skipped: Route<DB>, type: string, sagaRef: string | undefined): Route<DB> {
  if (skipped.kind !== 'unknown' || skipped.type !== type) return skipped;
  if (sagaRef === undefined) return { kind: 'skip', why: 'elsewhere' };
  return { kind: 'unknown', type: inSaga(type, sagaRef) };
}

/** Lists the names under which a subscription is registered. */
export function registeredTypes<DB>(
  subscription: Pick<Subscription<DB>, 'type' | 'failedType' | 'sagaRefs'>,
): readonly string[] {
  const type = registeredType(subscription);
  return [type, ...(subscription.sagaRefs ?? []).map((ref) => inSaga(type, ref))];
}

function inSaga(type: string, sagaRef: string): string {
  return `${type}@${sagaRef}`;
}

/** The name under which a subscription is registered: failure events are distinguished by the failed type. */
export function registeredType({
  type,
  failedType,
}: {
  readonly type: string;
  readonly failedType?: string;
}): string {
  return failedType === undefined ? type : `${type}:${failedType}`;
}
