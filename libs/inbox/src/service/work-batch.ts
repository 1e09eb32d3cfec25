import { formatPosition } from '@converge/contracts';
import type { IncomingBatch, IncomingRecord, PartitionControl } from '@converge/kafka';
import { classify, delayMs } from '@converge/resilience';
import { failpoint } from '@converge/runtime';
import { attributeNames, instruments } from '@converge/telemetry';
import { type Obstacle, planSlice } from '../decide/plan.ts';
import { readRecord } from '../decide/reading.ts';
import { fenceHolder, haltPartition } from '../query/fence.ts';
import type { Halt, Partition, SliceContext } from '../slice/context.ts';
import { settle, type Settled } from '../slice/settle.ts';
import { reload } from './assign.ts';
import type { Sources } from './sources.ts';

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
  let records = from(batch.records, partition.nextOffset);
  while (records.length > 0 && partition.halted === undefined) {
    if (worker.stopping() || lost.aborted) return control.seek(partition.nextOffset);
    const outcome = await workSlice(worker, partition, records.slice(0, partition.limit), lost);
    partition.lag = batch.highWatermark - partition.nextOffset;
    if (outcome === 'look_again') return control.seek(partition.nextOffset);
    if (outcome === 'leave') return;
    records = from(records, partition.nextOffset);
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

function from(records: readonly IncomingRecord[], offset: bigint): readonly IncomingRecord[] {
  const at = records.findIndex((record) => record.offset >= offset);
  return at === 0 ? records : at < 0 ? [] : records.slice(at);
}

type SliceOutcome = 'next' | 'look_again' | 'leave';

async function workSlice<DB>(
  worker: Worker<DB>,
  partition: Partition,
  records: readonly IncomingRecord[],
  lost: AbortSignal,
): Promise<SliceOutcome> {
  const { context, sources } = worker;
  const readings = records.map(readRecord);
  const { route } = context;
  const { watermarks, start } = partition;
  let settled: Settled;
  let obstacle: Obstacle | undefined;
  try {
    await sources.pin(readings);
    const plan = planSlice(readings, { from: start, watermarks, pinned: sources.pinned, route });
    obstacle = plan.obstacle;
    settled = await settle(context, partition, plan.steps, lost);
    if (settled.kind === 'settled' && obstacle !== undefined) return await meet(worker, partition, obstacle);
  } catch (error) {
    if (classify(error).category === 'configuration') throw error;
    settled = { kind: 'outage', error };
  }
  return after(worker, partition, settled, lost);
}

async function after<DB>(
  worker: Worker<DB>,
  partition: Partition,
  settled: Settled,
  lost: AbortSignal,
): Promise<SliceOutcome> {
  switch (settled.kind) {
    case 'settled':
      return 'next';
    case 'partition_lost':
      return lost.aborted ? 'leave' : 'look_again';
    case 'stop':
      throw settled.error;
    case 'fence_lost':
      worker.context.log.warn({ ...partition.key, expected: `${partition.nextOffset}` }, 'fence lost');
      return recover(worker, partition, undefined, lost);
    case 'fence_held':
      await alarmHeld(worker.context, partition);
      return recover(worker, partition, settled.error, lost);
    case 'outage':
      return recover(worker, partition, settled.error, lost);
  }
}

const outageBackoff = { baseMs: 50, factor: 2, capMs: 5_000 };

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
      log.warn({ ...partition.key, code, reason: message }, 'waiting for the database');
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
    { ...partition.key, alarm: 'fence_held', ...holder },
    'another session holds the fence of this partition',
  );
}

/** An obstacle is looked at twice, from our own offset, before the partition is halted; other partitions go on. */
async function meet<DB>(
  { context }: Worker<DB>,
  partition: Partition,
  obstacle: Obstacle,
): Promise<SliceOutcome> {
  if (partition.suspect !== obstacle.record.offset) {
    partition.suspect = obstacle.record.offset;
    return 'look_again';
  }
  const { consumer, topic, partition: number } = partition.key;
  const halt = haltFor(obstacle);
  const halted = await haltPartition(context.database.executor, partition.key, partition.nextOffset, halt);
  if (!halted) {
    await reload(context, partition);
    return 'look_again';
  }
  partition.halted = halt;
  partition.counts.gaps += obstacle.kind === 'gap' ? 1 : 0;
  const labels = { [attributeNames.consumer]: consumer, [attributeNames.topic]: topic };
  if (obstacle.kind === 'gap') instruments().inboxGaps.add(1, labels);
  else instruments().inboxSuperseded.add(1, labels);
  context.log.error(
    { alarm: halt.code, topic, partition: number, offset: `${obstacle.record.offset}` },
    halt.reason,
  );
  return 'next';
}

function haltFor({ record, claim, ...obstacle }: Obstacle): Halt {
  const place = `${record.topic}/${record.partition} at offset ${record.offset}`;
  const position = formatPosition(claim.position);
  switch (obstacle.kind) {
    case 'gap': {
      const prev = claim.prev === undefined ? 'no predecessor' : `predecessor ${formatPosition(claim.prev)}`;
      const after = obstacle.after === undefined ? 'nothing of this source' : formatPosition(obstacle.after);
      return {
        code: 'gap',
        reason: `${place}: event ${position} of source ${claim.sourceName} names ${prev}, and we have ${after}. What lies between never came (retention, truncation, an unclean election). This partition stands still, the others go on; restore or re-apply what is missing, then set its row in converge.inbox_partition running again`,
      };
    }
    case 'superseded':
      return {
        code: 'epoch_superseded',
        reason: `${place}: source ${claim.sourceName} sent the new position ${position} although its epoch ${obstacle.epoch} has begun: the old primary is still writing. Stop it; its events after the fork are not part of the source`,
      };
  }
}
