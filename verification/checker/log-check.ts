import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import {
  type Anomaly,
  type AnomalyKind,
  anomalyKinds,
  type LedgerRow,
  type LogRecord,
  type Takeover,
} from './facts.ts';
import { Ledger } from './ledger.ts';
import { type ParsedPosition, parsePosition, PartitionLog } from './partition-log.ts';

/** The number of witnesses that are kept of a kind. */
const WITNESSES = 5;

interface Event {
  readonly record: LogRecord;
  readonly id: string;
  readonly n: number;
  readonly crc: number;
  readonly position: ParsedPosition;
  readonly prev: string;
}

/**
 * Compares committed events with the log: a fold over ledger rows, then over records. It uses only promised properties
 * of a relay: each event at least once, keys in commit order, `ce_prev` an unbroken chain, and repeats no further back
 * than the last saved cursor. Memory grows by some 60 bytes per event.
 */
export class LogCheck {
  readonly #ledger = new Ledger();
  readonly #takeovers: readonly Takeover[];
  readonly #identify: Identify;
  readonly #partitions = new Map<string, PartitionLog>();
  readonly #keys = new Map<string, { highest: number; readonly partition: number }>();
  /** The first occurrence of each committed event, as a fingerprint; 0 when the event has not come. */
  #first = new Float64Array(0);
  /** The first occurrences of events that were never committed; these are few. */
  readonly #phantoms = new Map<string, number>();
  readonly #counts = Object.fromEntries(anomalyKinds.map((kind) => [kind, 0])) as Record<AnomalyKind, number>;
  readonly #anomalies: Anomaly[] = [];
  #records = 0;
  #events = 0;
  #duplicates = 0;
  #takeoverRepeats = 0;
  #resends = 0;
  #longestRun = 0;

  constructor(takeovers: readonly Takeover[] = [], identify: Identify = byPayload) {
    this.#takeovers = takeovers.toSorted((a, b) => a.atMs - b.atMs);
    this.#identify = identify;
  }

  /** Adds a ledger row; all rows come before the first record. */
  row(row: LedgerRow): void {
    const wrong = this.#ledger.add(row);
    if (wrong !== undefined) this.#found('ledger', wrong);
  }

  record(record: LogRecord): void {
    if (this.#records === 0) this.#first = new Float64Array(this.#ledger.size);
    this.#records += 1;
    const event = readEvent(record, this.#identify);
    if (typeof event === 'string') {
      this.#found('unreadable', `${placeOf(record)}: ${event}`);
      return;
    }
    const row = this.#ledger.find(record.topic, record.key, event.n, event.id);
    const as = fingerprint(event);
    const before = row === undefined ? this.#phantoms.get(event.id) : this.#first[row];
    if (before !== undefined && before !== 0) {
      this.#repeated(event, before === as);
      return;
    }
    if (row === undefined) {
      this.#phantoms.set(event.id, as);
      this.#found('phantom', `${describe(event)} was not committed`);
    } else {
      this.#first[row] = as;
      this.#events += 1;
      if (event.crc !== this.#ledger.crcOf(row))
        this.#found('content', `${describe(event)} has other content than was committed`);
      this.#inOrder(event);
    }
    this.#inLine(event);
  }

  verdict() {
    const first = this.#first.length > 0 ? this.#first : new Float64Array(this.#ledger.size);
    for (const [row, as] of first.entries())
      if (as === 0)
        this.#found(
          'lost',
          this.#counts.lost < WITNESSES ? `${this.#ledger.describe(row)} is not in the log` : '',
        );
    return {
      committed: this.#ledger.size,
      records: this.#records,
      /** Committed events that are in the log. */
      events: this.#events,
      /** Records that had been there before. */
      duplicates: this.#duplicates,
      /** Runs of repeats that began at the cursor of a takeover. */
      takeoverRepeats: this.#takeoverRepeats,
      /** Runs of repeats of a batch whose answer was lost. */
      resends: this.#resends,
      longestRepeat: this.#longestRun,
      counts: { ...this.#counts },
      /** The first few of each kind. */
      anomalies: [...this.#anomalies],
    };
  }

  #inOrder(event: Event): void {
    const { topic, key, partition } = event.record;
    const name = `${topic}\n${key}`;
    const known = this.#keys.get(name);
    if (known === undefined) {
      this.#keys.set(name, { highest: event.n, partition });
      return;
    }
    if (known.partition !== partition)
      this.#found('misplaced', `${describe(event)}: its key began in partition ${known.partition}`);
    if (event.n < known.highest)
      this.#found('order', `${describe(event)} came after number ${known.highest} of its key`);
    known.highest = Math.max(known.highest, event.n);
  }

  #inLine(event: Event): void {
    const line = this.#lineOf(event.record);
    if (event.prev !== line.tail)
      this.#found('chain', `${describe(event)} names ${event.prev} before it, and ${line.tail} is`);
    const { tail } = line;
    if (!line.append(event.position)) this.#found('position', `${describe(event)} comes after ${tail}`);
  }

  #repeated(event: Event, same: boolean): void {
    this.#duplicates += 1;
    if (!same)
      this.#found('repeat_changed', `${describe(event)} came before with another position or predecessor`);
    const line = this.#lineOf(event.record);
    const repeat = line.repeat(event.position, event.record.appendedAtMs);
    this.#longestRun = Math.max(this.#longestRun, line.run);
    if (repeat === 'from_cursor') this.#takeoverRepeats += 1;
    if (repeat === 'of_batch') this.#resends += 1;
    if (repeat === 'unexplained')
      this.#found('repeat_unexplained', `${describe(event)} repeats what no saved cursor leaves open`);
  }

  #lineOf({ topic, partition }: LogRecord): PartitionLog {
    const name = `${topic}/${partition}`;
    let line = this.#partitions.get(name);
    if (line === undefined) {
      line = new PartitionLog(
        this.#takeovers.map(({ atMs, cursors }) => ({
          atMs,
          cursor:
            cursors.find((one) => one.topic === topic && one.partition === partition)?.position ?? '1.0.0',
        })),
      );
      this.#partitions.set(name, line);
    }
    return line;
  }

  #found(kind: AnomalyKind, message: string): void {
    this.#counts[kind] += 1;
    if (this.#counts[kind] <= WITNESSES) this.#anomalies.push({ kind, message });
  }
}

/** What a comparison found. */
export type Verdict = ReturnType<LogCheck['verdict']>;

/** Which event of its key a record is, and a checksum of what has to be as it was committed; or why neither can be said. */
type Identify = (record: LogRecord) => { readonly n: number; readonly crc: number } | string;

/** The number is in the payload, which is compared as a whole. */
function byPayload({ payload }: LogRecord): ReturnType<Identify> {
  const n = /^\{"n":(\d{1,9})[,}]/.exec(payload)?.[1];
  return n === undefined
    ? `its payload begins with ${payload.slice(0, 40)}`
    : { n: Number(n), crc: crc32(payload) };
}

function readEvent(record: LogRecord, identify: Identify): Event | string {
  const { headers } = record;
  const id = headers['ce_id'];
  const position = parsePosition(headers['ce_pos']);
  const prev = parsePosition(headers['ce_prev']);
  const identity = identify(record);
  if (id === undefined) return 'it has no ce_id';
  if (position === undefined) return `its ce_pos is ${headers['ce_pos'] ?? 'not there'}`;
  if (prev === undefined) return `its ce_prev is ${headers['ce_prev'] ?? 'not there'}`;
  if (typeof identity === 'string') return identity;
  if (headers['ce_subject'] !== record.key)
    return `its ce_subject is ${headers['ce_subject'] ?? 'not there'}`;
  return { record, id, ...identity, position, prev: prev.text };
}

/** Computes a fingerprint of 48 bits, never 0. Equal occurrences give equal numbers, others almost never. */
function fingerprint({ record, prev }: Event): number {
  const text = `${record.partition} ${record.headers['ce_pos'] ?? ''} ${prev}`;
  return 1 + hash('sha1', text, 'buffer').readUIntBE(0, 6);
}

function describe({ id, n, record, position }: Event): string {
  return `event ${id} (number ${n} of key ${record.key}, position ${position.text}) at ${placeOf(record)}`;
}

function placeOf({ topic, partition, offset }: LogRecord): string {
  return `${topic}/${partition}@${offset}`;
}
