import { defaultSlowSchedule, type SlowSchedule } from '@convergekit/resilience';
import type { Clock } from '@convergekit/core';
import { ParkRate, type SystemicPolicy } from './park-rate.ts';
import { type ByHandler, totalOf, type Weight } from './weigh.ts';
import { ParkingRefused } from '../slice/slice-errors.ts';

export interface ParkingPolicy {
  /** When a parked head is tried again. @default 1, 2, 4, 8, 16 s, then 1, 2, 4 … 60 min, for a day */
  readonly schedule: SlowSchedule;
  /** Parked keys that one process works on at the same time. @default 4 */
  readonly lanes: number;
  /** Milliseconds between two looks for keys that are due. @default 1_000 */
  readonly pollMs: number;
  /**
   * Events that may wait, of all keys of a consumer together; at the cap a partition that must park pauses. Members
   * count again every `pollMs`, so what others park within that time may come on top. As many unreadable records, which hold
   * no key, are kept beside them: at that cap the oldest lose their bytes and are closed as skipped. @default 10_000
   */
  readonly maxRows: number;
  /** Bytes of their payloads, keys and headers, likewise. @default 67_108_864 */
  readonly maxBytes: number;
  /** Events of one key that are kept with their bytes; the others stand in line too, and are read from the log. @default 1_000 */
  readonly maxRowsPerKey: number;
  /** Bytes of those, likewise. @default 8_388_608 */
  readonly maxBytesPerKey: number;
  /** Events of all keys that stand in line without their bytes; beyond, a partition that must park pauses. @default 100_000 */
  readonly maxInLog: number;
  /** Compared for the consumer as a whole and for each handler. */
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
  /** Beside them: those that stand in line without their bytes. */
  readonly inLog: number;
  /** Of the rows, those that are tried again; the others stand with dead letters or are them. */
  readonly waiting: number;
  /** Dead letters, those whose keys went on included. */
  readonly dead: number;
  /** Milliseconds since the oldest event that waits was parked. */
  readonly oldestMs: number;
}

/** What slices and drains of one consumer in one process know together about parking. */
export class Parking {
  readonly policy: ParkingPolicy;
  readonly #clock: Clock;
  /** Of the whole consumer. */
  readonly #rate: ParkRate;
  readonly #byHandler = new Map<string, ParkRate>();
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

  counted(totals: ParkedTotals): void {
    this.#totals = totals;
  }

  /** Calls `wake` whenever a key was parked here. */
  onParked(wake: () => void): void {
    this.#wake = wake;
  }

  /** Throws ParkingRefused when a slice would park beyond the cap, or in a systemic fault of the consumer or of a handler. */
  allow({ given, handled, rows, bytes }: Weight): void {
    if (given.size === 0 && rows === 0) return;
    this.#allowGiven(given, handled);
    const { maxRows, maxBytes, maxInLog } = this.policy;
    // One alone always finds room, however large: it would wait for ever.
    const full =
      this.#totals.rows > 0 && (this.#totals.rows + rows > maxRows || this.#totals.bytes + bytes > maxBytes);
    if (rows > 0 && (full || this.#totals.inLog >= maxInLog)) throw new ParkingRefused('parked_cap');
  }

  #allowGiven(given: ByHandler, handled: Weight['handled']): void {
    const now = this.#clock.monotonic();
    const allowed = this.#rate.allows(totalOf(given), totalOf(handled), now);
    // All are asked, so that those that refuse count the same time until the next key.
    const failing = [...given].filter(
      ([handler, keys]) =>
        handler !== undefined && !this.#rateOf(handler).allows(keys, handled.get(handler) ?? 0, now),
    );
    if (allowed && failing.length === 0) return;
    throw new ParkingRefused('systemic_fault', allowed ? failing[0]?.[0] : undefined);
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
    this.#totals = {
      ...this.#totals,
      rows: this.#totals.rows + rows,
      bytes: this.#totals.bytes + bytes,
    };
    this.#wake();
  }

  /** A drain applied a parked event: its handler works. */
  drained(handler: string): void {
    this.#handled(new Map([[handler, 1]]));
  }

  #handled(handled: Weight['handled']): void {
    this.#rate.handled(totalOf(handled));
    // A handler that gave nothing up yet has nothing to compare with.
    for (const [handler, count] of handled) this.#byHandler.get(handler)?.handled(count);
  }

  #gaveUp(given: ByHandler, now: number): void {
    this.#rate.gaveUp(totalOf(given), now);
    for (const [handler, keys] of given) if (handler !== undefined) this.#rateOf(handler).gaveUp(keys, now);
  }
}
