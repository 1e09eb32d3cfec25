/** Tests of the checker: each planted fault in an otherwise right log is found, alone. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { AnomalyKind, LedgerRow, LogRecord, Takeover } from './facts.ts';
import { LogCheck, type Verdict } from './log-check.ts';

const topic = 't';

function idOf(key: string, n: number): string {
  const hex = createHash('md5').update(`${key} ${n}`).digest('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

const payloadOf = (key: string, n: number): string => `{"n":${n},"pad":"${key} é"}`;

function ledgerOf(keys: readonly string[], perKey: number): LedgerRow[] {
  return keys.flatMap((key) =>
    Array.from({ length: perKey }, (_, index) => {
      const n = index + 1;
      return { topic, key, n, eventId: idOf(key, n), crc: crc32(payloadOf(key, n)) };
    }),
  );
}

/** Keys take turns: a1 b1 a2 b2 …, ten events to a tick, one partition. */
function logOf(keys: readonly string[], perKey: number): LogRecord[] {
  const records: LogRecord[] = [];
  let prev = '1.0.0';
  for (let n = 1; n <= perKey; n += 1)
    for (const key of keys) {
      const id = records.length + 1;
      const position = `1.${Math.ceil(id / 10)}.${id}`;
      records.push({
        topic,
        partition: 0,
        offset: records.length,
        appendedAtMs: 1_000 + id,
        key,
        payload: payloadOf(key, n),
        headers: {
          ce_id: idOf(key, n),
          ce_subject: key,
          ce_pos: `${position}.00000000000000ab`,
          ce_prev: prev,
        },
      });
      prev = position;
    }
  return records;
}

const keys = ['a', 'b', 'c'];
const right = (): LogRecord[] => logOf(keys, 40);
const ledger = ledgerOf(keys, 40);

function check(records: readonly LogRecord[], rows = ledger, takeovers: readonly Takeover[] = []): Verdict {
  const one = new LogCheck(takeovers);
  for (const row of rows) one.row(row);
  for (const record of records) one.record(record);
  return one.verdict();
}

function kinds(verdict: Verdict): Partial<Record<AnomalyKind, number>> {
  return Object.fromEntries(Object.entries(verdict.counts).filter(([, count]) => count > 0));
}

function changed(record: LogRecord | undefined, headers: Record<string, string>): LogRecord {
  if (record === undefined) throw new Error('no such record');
  return { ...record, headers: { ...record.headers, ...headers } };
}

describe('a log without faults', () => {
  it('a log with every committed event once has no finding', () => {
    const verdict = check(right());
    expect(kinds(verdict)).toEqual({});
    expect(verdict).toMatchObject({
      committed: 120,
      records: 120,
      events: 120,
      duplicates: 0,
      anomalies: [],
    });
  });

  it('a log that repeats a batch without an answer, or events since the cursor of a takeover, has no finding', () => {
    const records = right();
    const takeover = { term: 2, atMs: 1_099, cursors: [{ topic, partition: 0, position: '1.1.7' }] };
    const log = [
      ...records.slice(0, 50),
      ...records.slice(45, 50),
      ...records.slice(50, 100),
      ...records.slice(7, 100).map((record) => ({ ...record, appendedAtMs: 1_101 })),
      ...records.slice(100),
    ];
    const verdict = check(log, ledger, [takeover]);
    expect(kinds(verdict)).toEqual({});
    expect(verdict).toMatchObject({ duplicates: 98, takeoverRepeats: 1, resends: 1, longestRepeat: 93 });
  });
});

describe('a planted fault is found, with a witness', () => {
  it('a committed event that is missing, and skipped by the chain of the next one, is found as lost', () => {
    const log = right();
    log.splice(60, 1);
    log[60] = changed(log[60], { ce_prev: '1.6.60' });
    const verdict = check(log);
    expect(kinds(verdict)).toEqual({ lost: 1 });
    expect(verdict.anomalies[0]?.message).toMatch(/number 21 of 40 of key a in t is not in the log/);
  });

  it('a missing last event, and an empty log, are found as lost', () => {
    expect(kinds(check(right().slice(0, -1)))).toEqual({ lost: 1 });
    expect(kinds(check([]))).toEqual({ lost: 120 });
  });

  it('an event that a crash undid, whose number another event took, is found as a phantom', () => {
    const log = right();
    log[30] = changed(log[30], { ce_id: idOf('a', 999) });
    // The event that was committed instead is not in the log: it is lost.
    expect(kinds(check(log))).toEqual({ phantom: 1, lost: 1 });
    const beyond = right();
    expect(kinds(check(beyond, ledgerOf(keys, 39)))).toEqual({ phantom: 3 });
  });

  it('two exchanged events of a key are found as a fault of order', () => {
    const log = right();
    const [one, other] = [log[60], log[63]];
    const exchanged = (to: LogRecord | undefined, from: LogRecord | undefined): LogRecord => ({
      ...changed(to, { ce_id: from?.headers['ce_id'] ?? '' }),
      payload: from?.payload ?? '',
    });
    log[60] = exchanged(one, other);
    log[63] = exchanged(other, one);
    const verdict = check(log);
    expect(kinds(verdict)).toEqual({ order: 1 });
    expect(verdict.anomalies[0]?.message).toMatch(/number 21 of key a.* came after number 22/);
  });

  it('a ce_prev that does not name the event before is found as a fault of the chain', () => {
    const log = right();
    log[60] = changed(log[60], { ce_prev: '1.6.59' });
    expect(kinds(check(log))).toEqual({ chain: 1 });
  });

  it('a first event of a partition that does not name the start is found as a fault of the chain', () => {
    const log = right();
    log[0] = changed(log[0], { ce_prev: '1.0.1' });
    expect(kinds(check(log))).toEqual({ chain: 1 });
  });

  it('a position that goes back, although the chain is right, is found as a fault of position', () => {
    const log = right();
    log[60] = changed(log[60], { ce_pos: '1.5.61.00000000000000ab' });
    log[61] = changed(log[61], { ce_prev: '1.6.60' });
    expect(kinds(check(log))).toEqual({ position: 1 });
  });

  it('a repeat with another nonce, or another predecessor, is found as repeat_changed', () => {
    const log = right();
    log.splice(61, 0, changed(log[60], { ce_pos: '1.7.61.00000000000000cd' }));
    log.splice(71, 0, changed(log[70], { ce_prev: '1.7.68' }));
    expect(kinds(check(log))).toEqual({ repeat_changed: 2 });
  });

  it('a takeover that repeats events from before the cursor is found as repeat_unexplained', () => {
    const many = logOf(['a'], 12_000);
    const rows = ledgerOf(['a'], 12_000);
    const again = many.slice(5).map((record) => ({ ...record, appendedAtMs: 99_000 }));
    const at = (position: string): Takeover[] => [
      { term: 2, atMs: 50_000, cursors: [{ topic, partition: 0, position }] },
    ];
    expect(kinds(check([...many, ...again], rows, at('1.1.6')))).toEqual({ repeat_unexplained: 1 });
    expect(kinds(check([...many, ...again], rows, at('1.1.5')))).toEqual({});
    // A later takeover began further on: the older cursor excuses nothing any more.
    const later = [
      ...at('1.1.5'),
      { term: 3, atMs: 60_000, cursors: [{ topic, partition: 0, position: '1.900.9000' }] },
    ];
    expect(kinds(check([...many, ...again], rows, later))).toEqual({ repeat_unexplained: 1 });
  });

  it('a payload that differs from the committed one is found as a fault of content', () => {
    const log = right();
    log[60] = { ...(log[60] as LogRecord), payload: '{"n":21,"pad":"a e"}' };
    expect(kinds(check(log))).toEqual({ content: 1 });
  });

  it('a key that changes its partition is found as misplaced', () => {
    const log = right();
    log[119] = changed({ ...(log[119] as LogRecord), partition: 1 }, { ce_prev: '1.0.0' });
    expect(kinds(check(log))).toEqual({ misplaced: 1 });
  });

  it('a record that is no event, or lacks a required attribute, is found as unreadable', () => {
    const log = right();
    log.push({ ...(log[0] as LogRecord), headers: {} });
    log.push(changed(log[0], { ce_pos: '1.2' }));
    log.push({ ...(log[0] as LogRecord), payload: '' });
    log.push(changed(log[0], { ce_subject: 'b' }));
    expect(kinds(check(log))).toEqual({ unreadable: 4 });
  });

  it('a hole in the ledger of committed events is found as a fault of the ledger', () => {
    const rows = ledger.filter(({ key, n }) => key !== 'b' || n !== 7);
    expect(kinds(check(right(), rows)).ledger).toBe(33);
  });
});
