import { failpoint } from '@convergekit/core/engine';
import type { IncomingBatch, IncomingRecord, PartitionControl } from '@convergekit/broker/engine';
import { classify } from '@convergekit/resilience';
import type { AlarmName } from '../alarms.ts';
import { readFill } from '../gap/fill-sql.ts';
import { readOpenGaps } from '../gap/gap-sql.ts';
import { planFill } from '../gap/plan-fill.ts';
import { type Obstacle, planSlice, type Step } from '../plan/plan.ts';
import { readRecord } from '../plan/reading.ts';
import { verified } from '../plan/signatures.ts';
import { commitSlice, type SliceResult } from '../slice/commit-slice.ts';
import type { SliceContext } from '../slice/context.ts';
import { fenceHolder } from '../slice/fence-sql.ts';
import { type Partition, placeOf } from '../slice/partition.ts';
import { haltAt } from './halt-at.ts';
import { pauseAt } from './pause.ts';
import { recover } from './recover.ts';
import type { Worker } from './worker.ts';

/** Processes one batch of a partition, slice by slice. Rejects only when the whole consumer must stop. */
export async function workBatch<DB>(
  worker: Worker<DB>,
  partition: Partition,
  batch: IncomingBatch,
  control: PartitionControl,
  lost: AbortSignal,
): Promise<void> {
  if (!(await workFill(worker, partition, lost, control.signal))) return control.seek(partition.nextOffset);
  let records = unhandled(batch.records, partition);
  while (records.length > 0 && partition.halt === undefined) {
    if (worker.stopping() || lost.aborted) return control.seek(partition.nextOffset);
    const some = records.slice(0, partition.limit);
    const next = await workSlice(worker, partition, some, lost, control.signal);
    partition.looked({ lag: batch.highWatermark - partition.nextOffset });
    if (next === 'fetch_again') return control.seek(partition.nextOffset);
    if (next === 'leave') return;
    records = unhandled(records, partition);
  }
  if (partition.halt !== undefined) {
    control.pause();
    control.seek(partition.nextOffset);
    return;
  }
  failpoint('inbox.after_commit');
  // A hint for tools that show lag. The database decides where to continue, so a failed commit costs nothing.
  await control.commit(partition.nextOffset).catch(() => undefined);
}

/** The records from the partition's offset on. */
function unhandled(records: readonly IncomingRecord[], partition: Partition): readonly IncomingRecord[] {
  const { nextOffset } = partition;
  const at = records.findIndex((record) => record.offset >= nextOffset);
  const next = records[at];
  if (next === undefined) return [];
  partition.looked({ next: { at: nextOffset, timestampMs: next.timestampMs } });
  return at === 0 ? records : records.slice(at);
}

/** `fetch_again`: the records at hand are stale · `leave`: the partition is lost, or the service stops */
type Next = 'next' | 'fetch_again' | 'leave';

async function workSlice<DB>(
  worker: Worker<DB>,
  partition: Partition,
  records: readonly IncomingRecord[],
  lost: AbortSignal,
  ending: AbortSignal,
): Promise<Next> {
  const { context, sources } = worker;
  const { signatures, route, clock } = context;
  const readings = records.map((record) => verified(readRecord(record), signatures, sources.pinned));
  const { start, ahead } = partition;
  const { watermarks, passOffset, rejected } = partition.standing;
  let result: SliceResult;
  let obstacle: Obstacle | undefined;
  try {
    await sources.pin(readings);
    const { pinned, failureSources } = sources;
    const known = { watermarks, pinned, failureSources, passOffset, rejected, ahead };
    const plan = planSlice(readings, { from: start, ...known, nowMs: clock.now(), route });
    obstacle = plan.obstacle;
    result = await commitSlice(context, partition, plan.steps, lost);
    if (result.kind === 'committed' && obstacle !== undefined)
      return await haltAt(context, partition, obstacle);
  } catch (error) {
    if (classify(error).category === 'configuration') throw error;
    result = { kind: 'outage', error };
  }
  return after(worker, partition, result, lost, ending);
}

/**
 * Processes the events that `consumers fill` stored for this partition, until the rest does not follow. False: the
 * partition has moved, so fetched records are stale.
 */
export async function workFill<DB>(
  worker: Worker<DB>,
  partition: Partition,
  lost: AbortSignal,
  ending: AbortSignal,
): Promise<boolean> {
  const { context } = worker;
  while (partition.standing.filled && partition.halt === undefined) {
    if (worker.stopping() || lost.aborted) return false;
    let result: SliceResult;
    let steps: readonly Step<DB>[] = [];
    try {
      steps = await nextFill(context, partition);
      if (steps.length === 0) return true;
      result = await commitSlice(context, partition, steps, lost);
    } catch (error) {
      if (classify(error).category === 'configuration') throw error;
      result = { kind: 'outage', error };
    }
    const next = await after(worker, partition, result, lost, ending);
    const [first] = steps;
    if (result.kind === 'type_ahead' && first !== undefined) {
      const [type = ''] = result.types;
      await haltAt(context, partition, { kind: 'type_ahead', record: first.record, type });
    } else if (next !== 'next') return false;
  }
  return true;
}

/** Reads the next slice of stored events of a partition; empty when none follows. */
async function nextFill<DB>(
  { database: { executor }, route }: SliceContext<DB>,
  partition: Partition,
): Promise<readonly Step<DB>[]> {
  const { key, start, standing, limit } = partition;
  const fills = await readFill(executor, key, limit);
  const gaps = (await readOpenGaps(executor, key.consumer)).filter(
    (gap) => gap.topic === key.topic && gap.partition === key.partition,
  );
  const { watermarks } = standing;
  const { steps, stuck } = planFill(fills, { from: start, watermarks, gaps, route });
  // Events that do not follow stay stored: the partition halts at its gap again, and is filled again.
  partition.fillRead(fills.length > 0 && !stuck);
  return steps;
}

async function after<DB>(
  worker: Worker<DB>,
  partition: Partition,
  result: SliceResult,
  lost: AbortSignal,
  ending: AbortSignal,
): Promise<Next> {
  const recovered = async (error?: unknown): Promise<Next> =>
    (await recover(worker, partition, error, lost)) ? 'fetch_again' : 'leave';
  switch (result.kind) {
    case 'committed':
      return 'next';
    case 'partition_lost':
      return lost.aborted ? 'leave' : 'fetch_again';
    case 'pause':
      await pauseAt(worker.context, partition, result.pause, ending);
      return 'fetch_again';
    case 'stop':
      throw result.error;
    case 'fence_lost':
      worker.context.log.warn({ ...placeOf(partition), expected: `${partition.nextOffset}` }, 'fence lost');
      return recovered();
    case 'type_ahead':
      partition.foundAhead(result.types);
      return 'fetch_again';
    case 'fence_held':
      await alarmHeld(worker.context, partition);
      return recovered(result.error);
    case 'outage':
      return recovered(result.error);
  }
}

async function alarmHeld<DB>({ database, log }: SliceContext<DB>, partition: Partition): Promise<void> {
  const holder = await fenceHolder(database.executor, partition.key).catch(() => undefined);
  log.error(
    { ...placeOf(partition), alarm: 'fence_held' satisfies AlarmName, ...holder },
    'another session holds the fence of this partition',
  );
}
