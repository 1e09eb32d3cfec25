import { newUuidV7, type Clock } from '@convergekit/core';
import { executorOf } from '@convergekit/postgres';
import type { Kysely } from 'kysely';
import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import type { Databases, ScanChunk, ScanContext } from '../definition.ts';
import { runForeignPass } from './foreign-scan.ts';
import type { PassOptions, ScannedSides, Tuning } from './options.ts';
import { runPass } from './pass.ts';
import { lookAtAll } from './step.ts';
import { describeSource, estimateRows } from './reader.ts';
import type { ResolvedSource } from './side.ts';
import { unknownReason } from './unknown.ts';

type Sides<Kind extends ScannedSides['kind']> = Extract<ScannedSides, { readonly kind: Kind }>;

/** Makes one pass of a digest scan, and yields what it finds. */
export function scan(
  sides: ScannedSides,
  tuning: Tuning,
  databases: Databases<unknown, unknown>,
  context: ScanContext,
): AsyncGenerator<ScanChunk> {
  const pass =
    sides.kind === 'tables'
      ? scanTables(sides, tuning, databases, context)
      : scanForeign(sides, tuning, databases, context);
  return measured(context.reconciler, tuning.clock, orUnknown(pass));
}

async function* scanTables(
  sources: Sides<'tables'>,
  tuning: Tuning,
  databases: Databases<unknown, unknown>,
  { reconciler, everything = false, readOnly = false, background = false }: ScanContext,
): AsyncGenerator<ScanChunk> {
  const ofBoth = <T>(read: (db: Kysely<unknown>, source: ResolvedSource, timeoutMs: number) => Promise<T>) =>
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
    // Both sides have a version, or none has.
    mode: sources.actual.version === undefined ? ('full' as const) : ('version' as const),
    holder: newUuidV7(),
    leaseMs: tuning.leaseMs,
  };
  const estimate = async (): Promise<number> => Math.max(...(await ofBoth(estimateRows)));
  yield* runPass(store, { everything, estimate, described: describe() });
}

async function* scanForeign(
  { side, source, foreign }: Sides<'foreign'>,
  tuning: Tuning,
  databases: Databases<unknown, unknown>,
  { reconciler }: ScanContext,
): AsyncGenerator<ScanChunk> {
  const db = databases[side];
  const known = await describeSource(db, source, tuning.timeoutMs);
  const other = databases[side === 'desired' ? 'actual' : 'desired'];
  yield* runForeignPass({
    reconciler,
    tuning,
    ours: { db, source: known },
    theirs: { db: other, side: foreign },
  });
}

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
