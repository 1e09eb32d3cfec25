import type { Finding, LogRecord, OutboxRow } from './facts.ts';

/** Finds outbox rows that are not in their topic as they were written. */
export function findLost(outbox: readonly OutboxRow[], log: readonly LogRecord[]): readonly Finding[] {
  const seen = new Set(log.map((record) => `${record.topic} ${idOf(record)}`));
  return outbox
    .filter((row) => !seen.has(`${row.topic} ${row.eventId}`))
    .map((row) => ({
      kind: 'lost',
      message: `event ${row.eventId} (${row.type}, outbox id ${row.id} of ${row.source}) is not in ${row.topic}`,
    }));
}

/** Finds records without an outbox row of that topic, key and type. */
export function findInvented(outbox: readonly OutboxRow[], log: readonly LogRecord[]): readonly Finding[] {
  const rows = new Map(outbox.map((row) => [row.eventId, row]));
  return log.flatMap((record): Finding[] => {
    const row = rows.get(idOf(record));
    if (row === undefined)
      return [{ kind: 'invented', message: `${where(record)} (event ${idOf(record)}) has no outbox row` }];
    const same =
      row.topic === record.topic &&
      row.key === record.key &&
      row.type === record.headers['ce_type'] &&
      row.source === record.headers['ce_source'];
    return same
      ? []
      : [
          {
            kind: 'altered',
            message: `${where(record)} is not as outbox row ${row.id} of ${row.source} says`,
          },
        ];
  });
}

/** Finds keys whose first occurrences do not follow the outbox's ids in one partition. */
export function findReordered(outbox: readonly OutboxRow[], log: readonly LogRecord[]): readonly Finding[] {
  const rows = new Map(outbox.map((row) => [row.eventId, row]));
  const last = new Map<string, { row: OutboxRow; partition: number }>();
  const findings: Finding[] = [];
  for (const record of firstOccurrences(log)) {
    const row = rows.get(idOf(record));
    if (row === undefined) continue;
    const lane = `${row.source} ${record.topic} ${record.key}`;
    const before = last.get(lane);
    if (before !== undefined && (before.row.id > row.id || before.partition !== record.partition))
      findings.push({
        kind: 'reordered',
        message: `${where(record)}: key ${record.key} has outbox id ${row.id} of ${row.source} after ${before.row.id} in partition ${before.partition}`,
      });
    last.set(lane, { row, partition: record.partition });
  }
  return findings;
}

/** Finds broken chains: an event names its predecessor, positions rise, and repeats equal the first occurrence. */
export function findBrokenChains(log: readonly LogRecord[]): readonly Finding[] {
  const tip = new Map<string, string>();
  const said = new Map<string, string>();
  return inLogOrder(log).flatMap((record): Finding[] => {
    const lane = `${record.headers['ce_sourceid'] ?? ''} ${record.topic} ${record.partition}`;
    const [pos, prev] = [positionOf(record, 'ce_pos'), positionOf(record, 'ce_prev')];
    const seen = `${lane} ${pos}`;
    const before = said.get(seen);
    if (before !== undefined)
      return before === `${idOf(record)} ${prev}`
        ? []
        : [broken(record, `repeats position ${pos} with other content`)];
    said.set(seen, `${idOf(record)} ${prev}`);
    const expected = tip.get(lane) ?? '1.0.0';
    tip.set(lane, pos);
    return prev === expected && rises(expected, pos)
      ? []
      : [broken(record, `is at ${pos} and names ${prev} before it, the log has ${expected}`)];
  });
}

/** Counts the repeated records, which consumers have to drop. */
export function countRepeats(log: readonly LogRecord[]): number {
  return log.length - firstOccurrences(log).length;
}

function firstOccurrences(log: readonly LogRecord[]): readonly LogRecord[] {
  const seen = new Set<string>();
  return inLogOrder(log).filter((record) => {
    const id = `${record.topic} ${idOf(record)}`;
    return !seen.has(id) && seen.add(id);
  });
}

function inLogOrder(log: readonly LogRecord[]): readonly LogRecord[] {
  return log.toSorted((a, b) => a.partition - b.partition || Number(a.offset - b.offset));
}

function positionOf(record: LogRecord, header: 'ce_pos' | 'ce_prev'): string {
  // The nonce of the tick after the third dot is no part of the order.
  return (record.headers[header] ?? 'none').split('.').slice(0, 3).join('.');
}

function rises(from: string, to: string): boolean {
  const [a, b] = [from, to].map((position) => position.split('.').map(BigInt)) as [bigint[], bigint[]];
  const at = a.findIndex((part, index) => part !== b[index]);
  return at >= 0 && (a[at] ?? 0n) < (b[at] ?? 0n);
}

function broken(record: LogRecord, message: string): Finding {
  return { kind: 'chain_broken', message: `${where(record)} ${message}` };
}

function idOf(record: LogRecord): string {
  return record.headers['ce_id'] ?? '';
}

function where(record: LogRecord): string {
  return `${record.topic}/${record.partition}@${record.offset}`;
}
