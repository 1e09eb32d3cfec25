import { Renewals } from '@convergekit/core/engine';
import { attributeNames, instruments, openSpan, spanNames } from '@convergekit/telemetry/engine';
import type { ScanChunk } from '../definition.ts';
import type { PassOptions } from './options.ts';
import type { RangeStore } from './range-store.ts';
import type { StepChunk } from './step.ts';
import { unknownReason } from './unknown.ts';

/** A pass under way. */
export interface Run {
  readonly store: RangeStore;
  readonly pass: PassOptions;
  compared: number;
  listed: number;
}

/** How an attempt ended. `too slow`: a statement was cancelled, and smaller steps may do. */
export type Ended = 'done' | 'too slow' | 'unknown';

/** What one attempt works on. It is held by a lease that is renewed meanwhile. */
export interface Held {
  /** Names it in the reason of an unknown outcome, such as `3 of 1024 ranges`. */
  readonly what: string;
  /** False: it cannot be divided further, so that a time limit makes it unknown. */
  readonly divisible: boolean;
  renew(): Promise<unknown>;
  release(): Promise<unknown>;
}

/**
 * Runs one step under its lease, and yields the keys that differ.
 * The lease is released if the step does not finish, also if the caller stops listening. A side that could not be read
 * makes the outcome unknown, never equal.
 */
export async function* attempt(
  run: Run,
  held: Held,
  step: AsyncIterable<StepChunk>,
): AsyncGenerator<ScanChunk, Ended> {
  const { store, pass } = run;
  const { leaseMs, clock } = pass;
  const stopRenewing = new Renewals({ renew: () => held.renew(), leaseMs, clock }).hold(held);
  const attributes = { [attributeNames.reconciler]: store.reconciler };
  const span = openSpan(spanNames.digest(store.reconciler), { kind: 'internal', attributes });
  let finished = false;
  try {
    finished = yield* forward(run, step);
    if (finished) return 'done';
    return yield* unknown(run, held, `more than maxKeys (${pass.maxKeys}) keys differ`);
  } catch (error) {
    const reason = unknownReason(error);
    if (reason === undefined) throw error;
    if (reason.timedOut && held.divisible) return 'too slow';
    return yield* unknown(run, held, reason.text);
  } finally {
    span?.end();
    await stopRenewing();
    // The lease expires if the database cannot be reached.
    if (!finished) await held.release().catch(() => undefined);
  }
}

/** Returns false if the pass may list no more keys: then the step is not finished. */
async function* forward(run: Run, step: AsyncIterable<StepChunk>): AsyncGenerator<ScanChunk, boolean> {
  const isSpent = (): boolean => run.listed >= run.pass.maxKeys;
  if (isSpent()) return false;
  for await (const chunk of step) {
    if ('compared' in chunk) {
      run.compared += chunk.compared;
      yield []; // the caller renews its own lease
    } else {
      if (isSpent()) return false;
      run.listed += chunk.keys.length;
      yield chunk.keys;
    }
  }
  return true;
}

function* unknown({ store }: Run, { what }: Held, reason: string): Generator<ScanChunk, Ended> {
  instruments().reconcileDigestRanges.add(1, {
    [attributeNames.reconciler]: store.reconciler,
    [attributeNames.outcome]: 'unknown',
  });
  yield { unknown: `${what}: ${reason}` };
  return 'unknown';
}
