import type { Effect, Finding, LogRecord, OutboxRow } from './facts.ts';

/** Which consumers take effect for which type, from which failure topics: the shop's own map. */
export interface Subscription {
  readonly consumer: string;
  readonly type: string;
  /** For compensation: the failed event's type, and whose failure. */
  readonly failure?: { readonly of: string; readonly type: string };
}

/** No consumer took effect twice for one event, or for one that nobody wrote. */
export function findWrongEffects(
  outbox: readonly OutboxRow[],
  effects: readonly Effect[],
): readonly Finding[] {
  const written = new Set(outbox.map((row) => row.eventId));
  const counts = new Map<string, number>();
  for (const { consumer, eventId } of effects) {
    const pair = `${consumer} ${eventId}`;
    counts.set(pair, (counts.get(pair) ?? 0) + 1);
  }
  const twice = [...counts]
    .filter(([, count]) => count > 1)
    .map(([pair, count]): Finding => {
      const [consumer = '', eventId = ''] = pair.split(' ');
      return { kind: 'effect_twice', message: `${consumer} took effect ${count} times for event ${eventId}` };
    });
  const invented = effects
    .filter(({ eventId }) => !written.has(eventId))
    .map(({ consumer, eventId, type }): Finding => ({
      kind: 'effect_invented',
      message: `${consumer} took effect for event ${eventId} (${type}), which nobody wrote`,
    }));
  return [...twice, ...invented];
}

/** Each subscribed event took effect, or its consumer declared by a failure event that it did not. */
export function findMissingEffects(
  log: readonly LogRecord[],
  effects: readonly Effect[],
  subscriptions: readonly Subscription[],
): readonly Finding[] {
  const taken = new Set(effects.map(({ consumer, eventId }) => `${consumer} ${eventId}`));
  const failures = failuresOf(log);
  const declared = new Set(failures.map(({ consumer, failedId }) => `${consumer} ${failedId}`));
  const owed = new Map<string, string>();
  for (const record of log) {
    const id = record.headers['ce_id'] ?? '';
    for (const { consumer, type, failure } of subscriptions)
      if (failure === undefined && type === record.headers['ce_type']) owed.set(`${consumer} ${id}`, type);
  }
  for (const { consumer: of, failedType, id } of failures)
    for (const { consumer, failure } of subscriptions)
      if (failure?.of === of && failure.type === failedType)
        owed.set(`${consumer} ${id}`, `failure of ${failedType}`);
  return [...owed]
    .filter(([pair]) => !taken.has(pair) && !declared.has(pair))
    .map(([pair, type]) => {
      const [consumer = '', eventId = ''] = pair.split(' ');
      return {
        kind: 'effect_missing',
        message: `${consumer} neither took effect for event ${eventId} (${type}) nor declared why not`,
      };
    });
}

interface DeclaredFailure {
  readonly id: string;
  readonly consumer: string;
  readonly failedId: string;
  readonly failedType: string;
}

function failuresOf(log: readonly LogRecord[]): readonly DeclaredFailure[] {
  return log
    .filter((record) => record.headers['ce_type'] === 'converge.failure')
    .map((record) => {
      const data = JSON.parse(record.payload) as { consumer: string; event: { id: string; type: string } };
      return {
        id: record.headers['ce_id'] ?? '',
        consumer: data.consumer,
        failedId: data.event.id,
        failedType: data.event.type,
      };
    });
}
