import { newUuidV7, type Clock } from '@convergekit/core';
import { executorOf } from '@convergekit/postgres';
import type { Kysely } from 'kysely';
import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import type { Databases, ScanChunk, ScanContext } from '../definition.ts';
import type { Both } from './compare.ts';
import type { ForeignSide } from './digest-table.ts';
import { runForeignPass } from './foreign-scan.ts';
import { type DigestTuning, type PassOptions, resolveTuning, type Tuning } from './options.ts';
import { runPass } from './pass.ts';
import { lookAtAll } from './step.ts';
import { describeSource, estimateRows } from './reader.ts';
import {
  checkSameColumns,
  digestInvalid,
  type DigestSource,
  type ResolvedSource,
  resolveSource,
} from './side.ts';
import { unknownReason } from './unknown.ts';

export interface DigestScanOptions extends DigestTuning {
  readonly desired: DigestSource | ForeignSide;
  readonly actual: DigestSource | ForeignSide;
}

/** A scan for `keys.scan`. */
export type DigestScan = <DesiredDb, ActualDb>(
  databases: Databases<DesiredDb, ActualDb>,
  context: ScanContext,
) => AsyncIterable<ScanChunk>;

type Pass = (databases: Databases<unknown, unknown>, context: ScanContext) => AsyncGenerator<ScanChunk>;

/**
 * Makes a scan that lists only the keys that differ, by digests of ranges of keys computed in both databases.
 * A pass compares the keys that `markDirty` reported and a rotating share of the others; the first pass compares all. A
 * side that cannot be read whole yields `unknown`. One side may be a `digestTable`: then every pass compares all.
 * Throws RECONCILER_INVALID.
 */
export function digestScan(options: DigestScanOptions): DigestScan {
  const tuning = resolveTuning(options);
  const pass = passOf(options, tuning);
  return <DesiredDb, ActualDb>(databases: Databases<DesiredDb, ActualDb>, context: ScanContext) => {
    // The tables are named by text: the types of the databases do not matter here.
    const erased = { desired: untyped(databases.desired), actual: untyped(databases.actual) };
    return measured(context.reconciler, tuning.clock, orUnknown(pass(erased, context)));
  };
}

const untyped = <DB>(db: Kysely<DB>): Kysely<unknown> => db as unknown as Kysely<unknown>;

function passOf({ desired, actual }: DigestScanOptions, tuning: Tuning): Pass {
  if ('kind' in desired) {
    if ('kind' in actual)
      throw digestInvalid('both sides are digest tables; one side must be a table that the kit can read');
    return foreignPass(resolveSource('actual', actual), 'actual', desired, tuning);
  }
  if ('kind' in actual) return foreignPass(resolveSource('desired', desired), 'desired', actual, tuning);
  checkSameColumns(desired, actual);
  const sources = { desired: resolveSource('desired', desired), actual: resolveSource('actual', actual) };
  // The version of one side alone says nothing.
  const versions = sources.desired.version !== undefined && sources.actual.version !== undefined;
  return bothPass(
    versions ? sources : { desired: unversioned(sources.desired), actual: unversioned(sources.actual) },
    tuning,
  );
}

const unversioned = (source: ResolvedSource): ResolvedSource => ({ ...source, version: undefined });

const bothPass = (sources: Both<ResolvedSource>, tuning: Tuning): Pass =>
  async function* (databases, { reconciler, everything = false, readOnly = false, background = false }) {
    const ofBoth = <T>(
      read: (db: Kysely<unknown>, source: ResolvedSource, timeoutMs: number) => Promise<T>,
    ) =>
      Promise.all([
        read(databases.desired, sources.desired, tuning.timeoutMs),
        read(databases.actual, sources.actual, tuning.timeoutMs),
      ]);
    const describe = async (): Promise<PassOptions> => {
      const [desired, actual] = await ofBoth(describeSource);
      return { ...tuning, databases, background, desired, actual };
    };
    const bits = Math.log2(tuning.ranges);
    if (readOnly) {
      yield* lookAtAll(reconciler, bits, await describe());
      return;
    }
    const store = {
      db: databases.actual,
      executor: executorOf(databases.actual),
      reconciler,
      bits,
      // `passOf` leaves a version to both sides or to none.
      mode: sources.actual.version === undefined ? ('full' as const) : ('version' as const),
      holder: newUuidV7(),
      leaseMs: tuning.leaseMs,
    };
    const estimate = async (): Promise<number> => Math.max(...(await ofBoth(estimateRows)));
    yield* runPass(store, { everything, estimate, described: describe() });
  };

const foreignPass = (
  source: ResolvedSource,
  side: 'desired' | 'actual',
  foreign: ForeignSide,
  tuning: Tuning,
): Pass =>
  async function* (databases, { reconciler }) {
    const db = databases[side];
    const known = await describeSource(db, source, tuning.timeoutMs);
    const other = databases[side === 'desired' ? 'actual' : 'desired'];
    yield* runForeignPass({
      reconciler,
      tuning,
      ours: { db, source: known },
      theirs: { db: other, side: foreign },
    });
  };

/** Turns the failure of a side into an unknown outcome of the whole pass; errors of the declaration pass. */
async function* orUnknown(pass: AsyncGenerator<ScanChunk>): AsyncGenerator<ScanChunk> {
  try {
    yield* pass;
  } catch (error) {
    const reason = unknownReason(error);
    if (reason === undefined) throw error;
    yield { unknown: reason.text };
  }
}

/** Records the duration of a pass and how it ended. The chunks pass unchanged. */
async function* measured(
  reconciler: string,
  clock: Clock,
  pass: AsyncIterable<ScanChunk>,
): AsyncGenerator<ScanChunk> {
  const began = clock.monotonic();
  let outcome: 'interrupted' | 'unknown' | 'completed' = 'interrupted';
  let unknown = false;
  try {
    for await (const chunk of pass) {
      unknown ||= 'unknown' in chunk;
      yield chunk;
    }
    outcome = unknown ? 'unknown' : 'completed';
  } finally {
    instruments().reconcileDigestDuration.recordMs(clock.monotonic() - began, {
      [attributeNames.reconciler]: reconciler,
      [attributeNames.outcome]: outcome,
    });
  }
}
