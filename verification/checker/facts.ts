import type { Finding } from './check.ts';

/** A row that the writers committed, from a table of their database. `n` counts a key's events in commit order. */
export interface LedgerRow {
  readonly topic: string;
  readonly key: string;
  readonly n: number;
  /** A uuid in lower case. */
  readonly eventId: string;
  /** CRC-32 of the payload's bytes. */
  readonly crc: number;
}

/**
 * A record of a topic, as a client that shares no code with the kit has read it. Records of one partition come in the
 * order of offsets.
 */
export interface LogRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** The time when the broker wrote the record (LogAppendTime), in milliseconds since the Unix epoch. */
  readonly appendedAtMs: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly key: string;
  /** The payload, which begins with `{"n":<n>`. */
  readonly payload: string;
}

/** A relay began to lead, and from where in each partition. Noted in the transaction that took the lease. */
export interface Takeover {
  readonly term: number;
  readonly atMs: number;
  readonly cursors: readonly {
    readonly topic: string;
    readonly partition: number;
    /** The position, `epoch.tick.id`. */
    readonly position: string;
  }[];
}

export const anomalyKinds = [
  /** Committed and not in the log. */
  'lost',
  /** An event that is in the log and was never committed. */
  'phantom',
  /** A key's event came after a later one of its key. */
  'order',
  /** ce_prev is not the position of the event before it in its partition. */
  'chain',
  /** A position that is not above the one before it in its partition. */
  'position',
  /** A repeat with another position, predecessor or partition than the first time. */
  'repeat_changed',
  /** A repeat that begins neither at the cursor of the last takeover nor within one batch of the end. */
  'repeat_unexplained',
  /** A payload, key or topic that differs from the committed one. */
  'content',
  /** A key in two partitions. */
  'misplaced',
  /** A record that is no event of the kit, or lacks a required field. */
  'unreadable',
  /** The ledger itself has a hole: nothing can be concluded. */
  'ledger',
] as const;
export type AnomalyKind = (typeof anomalyKinds)[number];

/** Its message is the smallest evidence: the record or row, and its expected content. */
export type Anomaly = Finding<AnomalyKind>;
