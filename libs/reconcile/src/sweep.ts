import { executorOf } from '@convergekit/postgres';
import type { Databases } from './definition.ts';
import { enqueueKeys } from './key-queue.ts';
import type { Reconciler } from './reconciler.ts';
import { readState, recordRun } from './window.ts';

export interface SweepRequest {
  readonly reconciler: Reconciler;
  readonly databases: Databases<unknown, unknown>;
  readonly cause: string;
  /** Called after every chunk. false ends the sweep without recording it, so that the next leader repeats the sweep. */
  readonly goOn: () => Promise<boolean>;
}

const CHUNK = 1_000;

/**
 * Queues every key that the scan lists. Returns their number, or undefined if it was ended early.
 * The run is dated from its start, so a change behind the scan belongs to the next run.
 */
export async function sweep({
  reconciler,
  databases,
  cause,
  goOn,
}: SweepRequest): Promise<number | undefined> {
  const executor = executorOf(databases.actual);
  const { now } = await readState(executor, reconciler.name);
  const { quietMs, maxWaitMs } = reconciler.timing;
  let count = 0;
  for await (const keys of reconciler.keys.scan(databases)) {
    for (let from = 0; from < keys.length; from += CHUNK) {
      const chunk = keys.slice(from, from + CHUNK);
      const request = {
        reconciler: reconciler.name,
        keys: chunk,
        priority: 'sweep',
        cause,
        quietMs,
        maxWaitMs,
      } as const;
      await enqueueKeys(executor, request);
    }
    count += keys.length;
    if (!(await goOn())) return undefined;
  }
  await recordRun(executor, { reconciler: reconciler.name, startedAt: now, keys: count });
  return count;
}
