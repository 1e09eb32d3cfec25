import { crc32 } from 'node:zlib';
import { type Check, checkOf, type Finding } from './check.ts';
import type { AnomalyKind, LogRecord, Takeover } from './facts.ts';
import { LogCheck, type Verdict } from './log-check.ts';

/** An event of an outbox, as a command lists it. Events of a key come in the order of their commits. */
export interface CommittedEvent {
  readonly topic: string;
  readonly key: string;
  readonly eventId: string;
  readonly type: string;
  readonly source: string;
}

/** Compares listed events with the log: type and source of a record have to be as they were committed. */
export function checkListed(
  events: readonly CommittedEvent[],
  log: readonly LogRecord[],
  takeovers: readonly Takeover[] = [],
): Verdict {
  const numbers = new Map<string, number>();
  const content = (type = '', source = ''): number => crc32(`${type} ${source}`);
  const check = new LogCheck(takeovers, ({ headers }) => ({
    n: numbers.get(headers['ce_id'] ?? '') ?? 0,
    crc: content(headers['ce_type'], headers['ce_source']),
  }));
  for (const own of Map.groupBy(events, ({ topic, key }) => `${topic}\n${key}`).values())
    for (const [at, { topic, key, eventId, type, source }] of own.entries()) {
      numbers.set(eventId, at + 1);
      check.row({ topic, key, n: at + 1, eventId, crc: content(type, source) });
    }
  const inOrder = log.toSorted((a, b) => a.partition - b.partition || a.offset - b.offset);
  for (const record of inOrder) check.record(record);
  return check.verdict();
}

/** The claims about a log, from its verdict. */
export function logClaims(verdict: Verdict, of = ''): readonly Check[] {
  const { committed, records, anomalies, counts } = verdict;
  const found = (...kinds: readonly AnomalyKind[]): readonly (Finding | string)[] => {
    const shown = anomalies.filter(({ kind }) => kinds.includes(kind));
    const all = kinds.reduce((sum, kind) => sum + counts[kind], 0);
    return [...shown, ...Array.from({ length: all - shown.length }, () => 'one more of these')];
  };
  const chained = found('chain', 'position', 'repeat_changed', 'repeat_unexplained');
  const invented = found('phantom', 'content', 'unreadable');
  return [
    checkOf(
      `no event lost: every outbox row${of} is in its topic`,
      committed,
      found('lost', 'ledger'),
      'at_rest',
    ),
    checkOf(`no event invented or altered: every record${of} has its row`, records, invented),
    checkOf(`order per key kept: the log${of} follows the outbox`, records, found('order', 'misplaced')),
    checkOf(`every event${of} names its predecessor (ce_prev)`, records, chained),
  ];
}
