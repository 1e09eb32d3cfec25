import { type Clock, systemClock } from '@convergekit/core';
import type { Databases } from '../definition.ts';
import type { Both } from './compare.ts';
import type { ForeignSide } from './digest-table.ts';
import type { KnownSource } from './hash-sql.ts';
import { digestInvalid, type ResolvedSource } from './side.ts';

export interface DigestTuning {
  /** Every range is compared at least this often, in milliseconds, if passes run. Also the longest time for which a hot key waits. @default 86_400_000 (a day) */
  readonly maxAgeMs?: number;
  /** With `version`: whole rows are hashed at least this often, in milliseconds. @default 7 x maxAgeMs */
  readonly fullAgeMs?: number;
  /** Different keys whose row is younger are compared later, in milliseconds; needs `updatedAt`. @default 5_000 */
  readonly settleMs?: number;
  /** Number of ranges of the key space, a power of two from 2 to 65,536. @default 1_024 */
  readonly ranges?: number;
  /** A differing range with at most so many rows is listed key by key. @default 2_000 */
  readonly leafRows?: number;
  /** Rows of one step: its ranges are finished together, and an interrupted pass repeats one step. @default 4_000_000 */
  readonly stepRows?: number;
  /** A pass lists at most so many keys; the ranges after them are unknown. @default 100_000 */
  readonly maxKeys?: number;
  /** Time limit of a statement, in milliseconds. A range that needs more is unknown. @default 60_000 */
  readonly timeoutMs?: number;
  /** The lease of a process on its ranges, in milliseconds. @default 30_000 */
  readonly leaseMs?: number;
  /** The clock of the passes; a test gives a manual one. @default the system's clock */
  readonly clock?: Clock;
}

export type Tuning = Required<DigestTuning>;

/** The checked sides of a scan: two tables, or a table with the digests of another engine. */
export type ScannedSides =
  | ({ readonly kind: 'tables' } & Both<ResolvedSource>)
  | {
      readonly kind: 'foreign';
      /** The side that is a table. */
      readonly side: 'desired' | 'actual';
      readonly source: ResolvedSource;
      readonly foreign: ForeignSide;
    };

/** A pass with everything it needs. */
export interface PassOptions extends Tuning {
  readonly databases: Databases<unknown, unknown>;
  /** One side is read after the other, which leaves half of the cores to others; else both at the same time. */
  readonly background: boolean;
  readonly desired: KnownSource;
  readonly actual: KnownSource;
}

/** Resolves and checks settings. Throws RECONCILER_INVALID. Pure. */
export function resolveTuning(given: DigestTuning): Tuning {
  const maxAgeMs = given.maxAgeMs ?? 86_400_000;
  const tuning = {
    maxAgeMs,
    fullAgeMs: given.fullAgeMs ?? 7 * maxAgeMs,
    settleMs: given.settleMs ?? 5_000,
    ranges: given.ranges ?? 1_024,
    leafRows: given.leafRows ?? 2_000,
    stepRows: given.stepRows ?? 4_000_000,
    maxKeys: given.maxKeys ?? 100_000,
    timeoutMs: given.timeoutMs ?? 60_000,
    leaseMs: given.leaseMs ?? 30_000,
  };
  for (const [name, value] of Object.entries(tuning))
    if (!Number.isInteger(value) || value < (name === 'settleMs' ? 0 : 1))
      throw digestInvalid(`${name} is ${value}; give a whole number from ${name === 'settleMs' ? 0 : 1}`);
  if (!Number.isInteger(Math.log2(tuning.ranges)) || tuning.ranges < 2 || tuning.ranges > 65_536)
    throw digestInvalid(`ranges is ${tuning.ranges}; give a power of two from 2 to 65536, such as 1024`);
  return { ...tuning, clock: given.clock ?? systemClock };
}
