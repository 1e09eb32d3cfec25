import { describe, expect, it } from 'vitest';
import type { LogRecord, OutboxRow } from './facts.ts';
import { countRepeats, findBrokenChains, findInvented, findLost, findReordered } from './log-audit.ts';

/** Two keys in two partitions: b has events 1 and 3, a has event 2. */
function sound(): { outbox: OutboxRow[]; log: LogRecord[] } {
  const outbox = [row(1n, 'b'), row(2n, 'a'), row(3n, 'b')];
  return {
    outbox,
    log: [
      record(outbox[0]!, 1, 0n, '1.1.1', '1.0.0'),
      record(outbox[2]!, 1, 1n, '1.2.3', '1.1.1'),
      record(outbox[1]!, 0, 0n, '1.1.2', '1.0.0'),
    ],
  };
}

function row(id: bigint, key: string): OutboxRow {
  return { source: 'orders', id, eventId: `e${id}`, topic: 't', key, type: 'thing', createdAtMs: 0 };
}

function record(from: OutboxRow, partition: number, offset: bigint, pos: string, prev: string): LogRecord {
  const headers = {
    ce_id: from.eventId,
    ce_type: from.type,
    ce_source: from.source,
    ce_sourceid: 's1',
    ce_pos: `${pos}.00ff00ff00ff00ff`,
    ce_prev: prev,
  };
  return { topic: 't', partition, offset, key: from.key, headers, payload: '{}' };
}

const kinds = (findings: readonly { kind: string }[]): string[] => findings.map(({ kind }) => kind);

describe('the audit of the log', () => {
  it('the audit finds nothing in a sound log, repeats included', () => {
    const { outbox, log } = sound();
    const repeated = [...log, { ...log[0]!, offset: 2n }, { ...log[1]!, offset: 3n }];
    for (const find of [findLost, findInvented, findReordered]) expect(find(outbox, repeated)).toEqual([]);
    expect(findBrokenChains(repeated)).toEqual([]);
    expect(countRepeats(repeated)).toBe(2);
  });

  it('the audit names an event that is in no topic', () => {
    const { outbox, log } = sound();
    const findings = findLost(outbox, log.slice(0, 2));
    expect(kinds(findings)).toEqual(['lost']);
    expect(findings[0]!.message).toContain('e2');
    expect(
      kinds(
        findLost(
          outbox,
          log.map((one) => ({ ...one, topic: 'other' })),
        ),
      ),
    ).toEqual(['lost', 'lost', 'lost']);
  });

  it('the audit names a record that was never written, and one that was altered', () => {
    const { outbox, log } = sound();
    expect(kinds(findInvented(outbox.slice(1), log))).toEqual(['invented']);
    expect(
      kinds(
        findInvented(
          outbox,
          log.map((one) => ({ ...one, key: 'b' })),
        ),
      ),
    ).toEqual(['altered']);
  });

  it('the audit names two events of a key that changed places, or partitions', () => {
    const { outbox, log } = sound();
    const swapped = [{ ...log[0]!, offset: 1n }, { ...log[1]!, offset: 0n }, log[2]!];
    expect(kinds(findReordered(outbox, swapped))).toEqual(['reordered']);
    expect(kinds(findReordered(outbox, [log[0]!, { ...log[1]!, partition: 2 }, log[2]!]))).toEqual([
      'reordered',
    ]);
  });

  it('the audit does not mistake a late repeat for a change of order', () => {
    const { outbox, log } = sound();
    expect(findReordered(outbox, [...log, { ...log[0]!, offset: 2n }])).toEqual([]);
  });

  it('the audit names a missing predecessor, a position that decreases, and a repeat with other content', () => {
    const { log } = sound();
    expect(kinds(findBrokenChains(log.slice(1)))).toEqual(['chain_broken']);
    const falling = [
      log[0]!,
      { ...log[1]!, headers: { ...log[1]!.headers, ce_pos: '1.1.0', ce_prev: '1.1.1' } },
    ];
    expect(kinds(findBrokenChains(falling))).toEqual(['chain_broken']);
    const other = { ...log[0]!, offset: 2n, headers: { ...log[0]!.headers, ce_id: 'e9' } };
    expect(kinds(findBrokenChains([...log, other]))).toEqual(['chain_broken']);
  });

  it('the audit compares positions as numbers', () => {
    const { outbox } = sound();
    const ten = [record(outbox[0]!, 1, 0n, '1.9.1', '1.0.0'), record(outbox[2]!, 1, 1n, '1.10.3', '1.9.1')];
    expect(findBrokenChains(ten)).toEqual([]);
  });
});
