import type { Effect, LogRecord, OutboxRow } from '../audit/facts.ts';
import type { Subscription } from '../audit/effect-audit.ts';
import { quantile } from './report.ts';

/**
 * Computes the latencies in milliseconds from an event's outbox row to its effects, on one machine's clock. Only events
 * written before `untilMs` count.
 */
export function latencies(
  outbox: readonly OutboxRow[],
  effects: readonly Effect[],
  untilMs = Number.POSITIVE_INFINITY,
): readonly number[] {
  const written = new Map(outbox.map(({ eventId, createdAtMs }) => [eventId, createdAtMs]));
  return effects.flatMap(({ eventId, atMs }) => {
    const at = written.get(eventId);
    return at === undefined || at >= untilMs ? [] : [atMs - at];
  });
}

export function showLatency(values: readonly number[]): string {
  return `${quantile(values, 0.5).toFixed(0)} ms / ${quantile(values, 0.99).toFixed(0)} ms over ${values.length} effects`;
}

/** Records that came again, once for each consumer that had to drop them. */
export function duplicatesDropped(log: readonly LogRecord[], subscriptions: readonly Subscription[]): number {
  const seen = new Set<string>();
  let dropped = 0;
  for (const { topic, headers } of log) {
    const id = `${topic} ${headers['ce_id'] ?? ''}`;
    if (seen.has(id)) dropped += subscriptions.filter(({ type, failure }) => type === headers['ce_type'] && (failure === undefined || topic === `${failure.of}.failures`)).length; // prettier-ignore
    seen.add(id);
  }
  return dropped;
}
