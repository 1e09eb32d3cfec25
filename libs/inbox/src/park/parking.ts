import type { SlowSchedule } from '@convergekit/resilience';
import { defaultSlowSchedule } from '@convergekit/resilience/engine';
import type { Clock } from '@convergekit/core';
import { ParkRate, type SystemicPolicy } from './park-rate.ts';
import { type ByHandler, totalOf, type Weight } from './weigh.ts';
import type { Pause } from '../slice/partition.ts';
import { SliceFault } from '../slice/fault.ts';

export interface ParkingPolicy {
  /** The schedule of retries of a parked event. @default after 1, 2, 4, 8, 16 s, then 1, 2, 4 … 60 min, for a day */
  readonly schedule: SlowSchedule;
  /** Parked keys that one process handles concurrently. @default 4 */
  readonly lanes: number;
  /** Milliseconds between two queries for due keys. @default 1_000 */
  readonly pollMs: number;
  /**
   * The most parked events of all keys of a consumer; at the cap, a partition that must park pauses. Members count
   * every `pollMs` while something is parked, so what others park meanwhile may exceed it. The same number
   * of unreadable records, which hold no key, is kept in addition: at that cap the oldest lose their bytes and are
   * closed as skipped. @default 10_000
   */
  readonly maxRows: number;
  /** The maximum of bytes in the parked payloads, keys and headers. @default 67_108_864 */
  readonly maxBytes: number;
  /** The most events of one key that are kept with their bytes; further ones are read from the log. @default 1_000 */
  readonly maxRowsPerKey: number;
  /** The most bytes of those. @default 8_388_608 */
  readonly maxBytesPerKey: number;
  /** The most events of all keys that are parked without their bytes; at the cap, a partition pauses. @default 100_000 */
  readonly maxInLog: number;
  /** The limits beyond which failures count as a systemic fault, of the consumer or of a handler. */
  readonly systemic: SystemicPolicy;
}

export const defaultParking: ParkingPolicy = Object.freeze({
  schedule: defaultSlowSchedule,
  lanes: 4,
  pollMs: 1_000,
  maxRows: 10_000,
  maxBytes: 67_108_864,
  maxRowsPerKey: 1_000,
  maxBytesPerKey: 8_388_608,
  maxInLog: 100_000,
  systemic: Object.freeze({ keys: 10, withinMs: 60_000 }),
});

export interface ParkedTotals {
  readonly keys: number;
  readonly rows: number;
  readonly bytes: number;
  /** Events that are parked without their bytes; not among `rows`. */
  readonly inLog: number;
  /** Rows that are retried; the others are dead letters, or wait behind one. */
  readonly waiting: number;
  /** Dead letters, including those that released their keys. */
  readonly dead: number;
  /** Milliseconds since the oldest waiting event was parked. */
  readonly oldestMs: number;
}

/** The parking state that slices and drains of one consumer share in one process. */
export class Parking {
  readonly policy: ParkingPolicy;
  readonly #clock: Clock;
  readonly #rate: ParkRate;
  readonly #byHandler = new Map<string, ParkRate>();
  /** What the slices of this process added since its start. */
  #added = { rows: 0, bytes: 0 };
  #totals: ParkedTotals = { keys: 0, rows: 0, bytes: 0, inLog: 0, waiting: 0, dead: 0, oldestMs: 0 };
  #wake: () => void = () => undefined;

  constructor(policy: ParkingPolicy, clock: Clock) {
    this.policy = policy;
    this.#clock = clock;
    this.#rate = new ParkRate(policy.systemic);
  }

  get totals(): ParkedTotals {
    return this.#totals;
  }

  /**
   * Begins a count of the parked events in the database; the returned function takes its result. What was committed
   * meanwhile is added, as the count may have begun before it: else a slice could exceed the cap.
   */
  count(): (totals: ParkedTotals) => void {
    const before = this.#added;
    return (totals) => {
      const rows = totals.rows + this.#added.rows - before.rows;
      const bytes = totals.bytes + this.#added.bytes - before.bytes;
      this.#totals = { ...totals, rows, bytes };
    };
  }

  /** Calls `wake` whenever a key was parked here, or found where the last count had none. */
  onParked(wake: () => void): void {
    this.#wake = wake;
  }

  /** Notes that the database has parked keys of the consumer: another member parked them, or an operator. */
  found(): void {
    if (this.#totals.keys === 0) this.#wake();
  }

  /** Throws a pause when a slice would exceed the cap, or during a systemic fault of the consumer or a handler. */
  allow({ given, handled, rows, bytes }: Weight): void {
    if (given.size === 0 && rows === 0) return;
    this.#allowGiven(given, handled);
    const { maxRows, maxBytes, maxInLog } = this.policy;
    // A single event always fits, however large: else it would wait for ever.
    const full =
      this.#totals.rows > 0 && (this.#totals.rows + rows > maxRows || this.#totals.bytes + bytes > maxBytes);
    if (rows > 0 && (full || this.#totals.inLog >= maxInLog)) throw refused(CAP);
  }

  #allowGiven(given: ByHandler, handled: Weight['handled']): void {
    const now = this.#clock.monotonic();
    const allowed = this.#rate.allows(totalOf(given), totalOf(handled), now);
    // The check covers every handler, so that all that refuse start their wait at the same time.
    const failing = [...given].filter(
      ([handler, keys]) =>
        handler !== undefined && !this.#rateOf(handler).allows(keys, handled.get(handler) ?? 0, now),
    );
    if (allowed && failing.length === 0) return;
    throw refused(systemicFault(allowed ? failing[0]?.[0] : undefined));
  }

  #rateOf(handler: string): ParkRate {
    const rate = this.#byHandler.get(handler) ?? new ParkRate(this.policy.systemic);
    this.#byHandler.set(handler, rate);
    return rate;
  }

  /** Counts what a committed slice did. */
  committed({ given, handled, rows, bytes }: Weight): void {
    this.#handled(handled);
    if (given.size > 0) this.#gaveUp(given, this.#clock.monotonic());
    if (rows === 0) return;
    const more = <T extends Record<'rows' | 'bytes', number>>(to: T): T => {
      return { ...to, rows: to.rows + rows, bytes: to.bytes + bytes };
    };
    this.#added = more(this.#added);
    this.#totals = more(this.#totals);
    this.#wake();
  }

  /** Counts an event that a drain applied: its handler works. */
  drained(handler: string): void {
    this.#handled(new Map([[handler, 1]]));
  }

  #handled(handled: Weight['handled']): void {
    this.#rate.handled(totalOf(handled));
    // A handler that has given nothing up has no rate to compare.
    for (const [handler, count] of handled) this.#byHandler.get(handler)?.handled(count);
  }

  #gaveUp(given: ByHandler, now: number): void {
    this.#rate.gaveUp(totalOf(given), now);
    for (const [handler, keys] of given) if (handler !== undefined) this.#rateOf(handler).gaveUp(keys, now);
  }
}

type Refusal = Pick<Pause, 'code' | 'reason'>;

const CAP: Refusal = {
  code: 'parked_cap',
  reason:
    'the consumer has reached its limit of parked events: nothing more is parked until some are applied; list them with `converge parked groups`, fix the cause, then retry or skip',
};

/** The systemic fault of a handler; undefined: of the whole consumer. */
function systemicFault(handler: string | undefined): Refusal {
  return {
    code: 'systemic_fault',
    reason: `key after key of ${handler === undefined ? 'this consumer' : `handler ${handler}`} fails, so the cause is hardly the events: until one of its events takes effect, only one more key is parked after 1, 2, 4 … 60 minutes; fix the cause`,
  };
}

/** An event must be parked and may not be: the partition pauses instead. */
function refused(why: Refusal): SliceFault {
  return new SliceFault({ kind: 'pause', pause: { ...why, forMs: undefined } });
}
