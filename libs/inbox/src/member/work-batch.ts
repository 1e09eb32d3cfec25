import type { IncomingBatch, IncomingRecord, PartitionControl } from '@convergekit/kafka';
import { classify, delayMs } from '@convergekit/resilience';
import { failpoint } from '@convergekit/core';
import { type Obstacle, planSlice, type Step } from '../plan/plan.ts';
import { readRecord } from '../plan/reading.ts';
import { verified } from '../plan/signatures.ts';
import { fenceHolder } from '../slice/fence-sql.ts';
import type { AlarmName } from '../alarms.ts';
import { type Partition, placeOf, type SliceContext } from '../slice/context.ts';
import { settle, type Settled } from '../slice/commit-slice.ts';
import { reload } from './assign.ts';
import { meet } from './halt-at.ts';
import { pauseAt } from './pause.ts';
import type { Sources } from './sources.ts';
import { planFill } from '../gap/plan-fill.ts';
import { readFill } from '../gap/fill-sql.ts';
import { readOpenGaps } from '../gap/gap-sql.ts';

export interface Worker<DB> {
  readonly context: SliceContext<DB>;
  readonly sources: Sources;
  /** True once the service stops: the slice in work is finished, no other begins. */
  stopping(): boolean;
  /** Told when our own database does not answer, and when it does again. */
  waiting(why: unknown): void;
}

/** Works one batch of a partition, slice by slice. Rejects only when the whole consumer must stop. */
export async function workBatch<DB>(
  worker: Worker<DB>,
  partition: Partition,
  batch: IncomingBatch,
  control: PartitionControl,
  lost: AbortSignal,
): Promise<void> {
  if (!(await workFill(worker, partition, lost, control.signal))) return control.seek(partition.nextOffset);
  let records = left(batch.records, partition);
  while (records.length > 0 && partition.halted === undefined) {
    if (worker.stopping() || lost.aborted) return control.seek(partition.nextOffset);
    const outcome = await workSlice(
      worker,
      partition,
      records.slice(0, partition.limit),
      lost,
      control.signal,
    );
    partition.lag = batch.highWatermark - partition.nextOffset;
    if (outcome === 'look_again') return control.seek(partition.nextOffset);
    if (outcome === 'leave') return;
    records = left(records, partition);
  }
  if (partition.halted !== undefined) {
    control.pause();
    control.seek(partition.nextOffset);
    return;
  }
  failpoint('inbox.after_commit');
  // A hint for tools that show lag. The database says where to go on, so a failed commit costs nothing.
  await control.commit(partition.nextOffset).catch(() => undefined);
}

/** From where the partition stands on. */
function left(records: readonly IncomingRecord[], partition: Partition): readonly IncomingRecord[] {
  const { nextOffset } = partition;
  const at = records.findIndex((record) => record.offset >= nextOffset);
  const next = records[at];
  if (next === undefined) return [];
  partition.next = { at: nextOffset, timestampMs: next.timestampMs };
  return at === 0 ? records : records.slice(at);
}

type SliceOutcome = 'next' | 'look_again' | 'leave';

async function workSlice<DB>(
  worker: Worker<DB>,
  partition: Partition,
  records: readonly IncomingRecord[],
  lost: AbortSignal,
  ending: AbortSignal,
): Promise<SliceOutcome> {
  const { context, sources } = worker;
  const { signatures } = context;
  const readings = records.map((record) => verified(readRecord(record), signatures, sources.pinned));
  const { route } = context;
  const { watermarks, start } = partition;
  let settled: Settled;
  let obstacle: Obstacle | undefined;
  try {
    await sources.pin(readings);
    const { pinned, failureSources } = sources;
    const plan = planSlice(readings, {
      from: start,
      watermarks,
      pinned,
      failureSources,
      passOffset: partition.passOffset,
      rejected: partition.rejected,
      nowMs: context.clock.now(),
      ahead: partition.ahead,
      route,
    });
    obstacle = plan.obstacle;
    settled = await settle(context, partition, plan.steps, lost);
    if (settled.kind === 'settled' && obstacle !== undefined) return await meet(context, partition, obstacle);
  } catch (error) {
    if (classify(error).category === 'configuration') throw error;
    settled = { kind: 'outage', error };
  }
  return after(worker, partition, settled, lost, ending);
}

/**
 * Works what `consumers fill` put for this partition, until nothing of it is left or the rest does not follow. False: the
 * partition does not stand where it did, so whatever was fetched is to be fetched again.
 */
export async function workFill<DB>(
  worker: Worker<DB>,
  partition: Partition,
  lost: AbortSignal,
  ending: AbortSignal,
): Promise<boolean> {
  const { context } = worker;
  while (partition.filled && partition.halted === undefined) {
    if (worker.stopping() || lost.aborted) return false;
    let settled: Settled;
    let steps: readonly Step<DB>[] = [];
    try {
      steps = await nextFill(context, partition);
      if (steps.length === 0) return true;
      settled = await settle(context, partition, steps, lost);
    } catch (error) {
      if (classify(error).category === 'configuration') throw error;
      settled = { kind: 'outage', error };
    }
    const outcome = await after(worker, partition, settled, lost, ending);
    const [first] = steps;
    if (settled.kind === 'type_ahead' && first !== undefined) {
      const [type = ''] = settled.types;
      await meet(context, partition, { kind: 'type_ahead', record: first.record, type });
    } else if (outcome !== 'next') return false;
  }
  return true;
}

async function after<DB>(
  worker: Worker<DB>,
  partition: Partition,
  settled: Settled,
  lost: AbortSignal,
  ending: AbortSignal,
): Promise<SliceOutcome> {
  switch (settled.kind) {
    case 'settled':
      return 'next';
    case 'partition_lost':
      return lost.aborted ? 'leave' : 'look_again';
    case 'pause':
      await pauseAt(worker.context, partition, settled.pause, ending);
      return 'look_again';
    case 'stop':
      throw settled.error;
    case 'fence_lost':
      worker.context.log.warn({ ...placeOf(partition), expected: `${partition.nextOffset}` }, 'fence lost');
      return recover(worker, partition, undefined, lost);
    case 'type_ahead':
      partition.ahead = new Set(settled.types);
      return 'look_again';
    case 'fence_held':
      await alarmHeld(worker.context, partition);
      return recover(worker, partition, settled.error, lost);
    case 'outage':
      return recover(worker, partition, settled.error, lost);
  }
}

export const outageBackoff = { baseMs: 50, factor: 2, capMs: 5_000 };

/** Waits until the database answers, then takes its word for where we are. Burns no attempt, however long it takes. */
async function recover<DB>(
  worker: Worker<DB>,
  partition: Partition,
  why: unknown,
  lost: AbortSignal,
): Promise<SliceOutcome> {
  const { clock, random, log } = worker.context;
  let error = why;
  for (;;) {
    if (lost.aborted || worker.stopping()) return 'leave';
    if (error !== undefined) {
      partition.outages += 1;
      worker.waiting(error);
      const { code, message } = classify(error);
      log.warn({ ...placeOf(partition), code, reason: message }, 'waiting for the database');
      await clock.sleep(delayMs(outageBackoff, partition.outages, random), lost);
    }
    try {
      await reload(worker.context, partition);
      worker.waiting(undefined);
      return 'look_again';
    } catch (reloadError) {
      if (classify(reloadError).category === 'configuration') throw reloadError;
      error = reloadError;
    }
  }
}

async function alarmHeld<DB>({ database, log }: SliceContext<DB>, partition: Partition): Promise<void> {
  const holder = await fenceHolder(database.executor, partition.key).catch(() => undefined);
  log.error(
    { ...placeOf(partition), alarm: 'fence_held' satisfies AlarmName, ...holder },
    'another session holds the fence of this partition',
  );
}

/** The next slice of what `consumers fill` put for a partition; none when there is no more that follows. */
export async function nextFill<DB>(
  context: SliceContext<DB>,
  partition: Partition,
): Promise<readonly Step<DB>[]> {
  const { executor } = context.database;
  const { key, watermarks, start } = partition;
  const fills = await readFill(executor, key, partition.limit);
  const gaps = (await readOpenGaps(executor, key.consumer)).filter(
    (gap) => gap.topic === key.topic && gap.partition === key.partition,
  );
  const { steps, stuck } = planFill(fills, { from: start, watermarks, gaps, route: context.route });
  // What does not follow stays where it is: the partition halts at its gap again, and is filled again.
  partition.filled = fills.length > 0 && !stuck;
  return steps;
}
