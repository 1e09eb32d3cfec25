import { quantile } from '../../../benchmarks/measure/statistics.ts';
import type { Effect } from '../../../checker/effects.ts';
import type { LogRecord } from '../../../checker/facts.ts';
import type { ShopDump } from '../../../checker/shop/claims.ts';
import type { Span } from '../../types.ts';
import { subscriptions } from '../../../checker/sagas/shapes.ts';

interface Written {
  readonly eventId: string;
  readonly createdAt: string;
}

interface ShopFigures {
  readonly dump: Omit<ShopDump, 'events' | 'answered'> & {
    readonly events: readonly Written[];
    readonly answered: readonly { readonly attempts: number }[];
  };
  readonly repairs: number;
  readonly span: Span;
  readonly topics: number;
}

/** The figures of a run of the shop. Pure. */
export function figuresOf({ dump, repairs, span, topics }: ShopFigures): [string, string][] {
  const { shop, answered, events, effects, log } = dump;
  const of = (state: string): number => shop.orders.filter((order) => order.state === state).length;
  const calm = latencies(events, effects, span.beganMs, span.calmUntilMs);
  const resent = answered.filter(({ attempts }) => attempts > 1).length;
  return [
    ['placed', `${shop.orders.length} orders (${resent} of them sent more than once)`],
    ['completed', String(of('confirmed'))],
    ['compensated', String(of('cancelled'))],
    ['drift found and repaired', `${repairs} keys`],
    ['events', `${events.length} in ${topics} topics`],
    ['duplicates dropped', String(duplicatesDropped(log))],
    ['commit → effect, p50 / p99', showLatency(latencies(events, effects))],
    ...(span.calmUntilMs > span.beganMs
      ? [['… before the first fault', showLatency(calm)] as [string, string]]
      : []),
  ];
}

/**
 * Computes the latencies in milliseconds from an event's outbox row to its effects, on one machine's clock. Only events
 * written from `fromMs` on and before `untilMs` count.
 */
export function latencies(
  events: readonly Written[],
  effects: readonly Effect[],
  fromMs = Number.NEGATIVE_INFINITY,
  untilMs = Number.POSITIVE_INFINITY,
): readonly number[] {
  const written = new Map(events.map(({ eventId, createdAt }) => [eventId, Date.parse(createdAt)]));
  return effects.flatMap(({ eventId, atMs }) => {
    const at = written.get(eventId);
    return at === undefined || at < fromMs || at >= untilMs ? [] : [atMs - at];
  });
}

function showLatency(values: readonly number[]): string {
  const [p50 = '', p99 = ''] = [0.5, 0.99].map((share) => quantile(values, share).toFixed(0));
  return `${p50} ms / ${p99} ms over ${values.length} effects`;
}

/** Records that came again, once for each consumer that had to drop them. */
function duplicatesDropped(log: readonly LogRecord[]): number {
  const seen = new Set<string>();
  let dropped = 0;
  for (const { topic, headers } of log) {
    const id = `${topic} ${headers['ce_id'] ?? ''}`;
    if (seen.has(id))
      dropped += subscriptions.filter(
        ({ type, failure }) =>
          type === headers['ce_type'] && (failure === undefined || topic === `${failure.of}.failures`),
      ).length;
    seen.add(id);
  }
  return dropped;
}
