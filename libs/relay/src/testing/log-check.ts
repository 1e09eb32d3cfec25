import type { Broker } from '@converge/kafka';
import type { Executor } from '@converge/postgres';

export interface LoggedEvent {
  readonly partition: number;
  readonly id: string;
  readonly key: string;
  readonly n: number;
  /** Without the nonce. */
  readonly position: string;
  readonly prev: string;
}

/** Everything a topic holds, in the order of each partition's log. */
export async function readLog(broker: Broker, topic: string): Promise<LoggedEvent[]> {
  const admin = await broker.admin();
  const events: LoggedEvent[] = [];
  try {
    for (const { partition, earliest, latest } of await admin.logEnds(topic)) {
      for await (const record of admin.read(topic, partition, earliest, latest)) {
        const headers = new Map(record.headers.map(([name, value]) => [name, value?.toString() ?? '']));
        const { key, n } = JSON.parse(record.value?.toString() ?? '{}') as { key: string; n: number };
        events.push({
          partition,
          id: headers.get('ce_id') ?? '',
          key,
          n,
          position: (headers.get('ce_pos') ?? '').split('.').slice(0, 3).join('.'),
          prev: headers.get('ce_prev') ?? '',
        });
      }
    }
  } finally {
    await admin.close();
  }
  return events;
}

export interface LogVerdict {
  readonly events: number;
  readonly lost: number;
  readonly phantoms: number;
  readonly duplicates: number;
  /** First occurrences of a key that are not in commit order. */
  readonly outOfOrder: number;
  /** First occurrences whose ce_prev is not the position of the first occurrence before them in the partition. */
  readonly chainBreaks: number;
  /** Repeats that came with another position or predecessor than the first time. */
  readonly changedRepeats: number;
}

/** Compares a topic with the outbox: the outbox is the truth. */
export async function checkLog(
  executor: Executor,
  topic: string,
  log: readonly LoggedEvent[],
): Promise<LogVerdict> {
  const { rows } = await executor.query<{ event_id: string }>(
    'select event_id::text from converge.outbox where topic = $1',
    [topic],
  );
  const expected = new Set(rows.map((row) => row.event_id));
  const first = new Map<string, LoggedEvent>();
  const nextN = new Map<string, number>();
  const lastPosition = new Map<number, string>();
  let outOfOrder = 0;
  let chainBreaks = 0;
  let changedRepeats = 0;
  for (const event of log) {
    const before = first.get(event.id);
    if (before !== undefined) {
      if (
        before.position !== event.position ||
        before.prev !== event.prev ||
        before.partition !== event.partition
      )
        changedRepeats += 1;
      continue;
    }
    first.set(event.id, event);
    if (event.n !== (nextN.get(event.key) ?? 0) + 1) outOfOrder += 1;
    nextN.set(event.key, event.n);
    if (event.prev !== (lastPosition.get(event.partition) ?? '1.0.0')) chainBreaks += 1;
    lastPosition.set(event.partition, event.position);
  }
  return {
    events: first.size,
    lost: [...expected].filter((id) => !first.has(id)).length,
    phantoms: [...first.keys()].filter((id) => !expected.has(id)).length,
    duplicates: log.length - first.size,
    outOfOrder,
    chainBreaks,
    changedRepeats,
  };
}

/** What a verdict must be, but for its counts. */
export const faultless = { lost: 0, phantoms: 0, outOfOrder: 0, chainBreaks: 0, changedRepeats: 0 } as const;
