import type { PartitionControl } from '@convergekit/kafka';
import { readPartitions, type PartitionRow } from './partition-sql.ts';
import { readHandled } from './type-sql.ts';
import { type Partition, placeOf } from '../slice/context.ts';
import { reload } from './assign.ts';
import { workFill, type Worker } from './work-batch.ts';

export interface Watched {
  /** The partitions in our hands. */
  readonly partitions: () => Iterable<Partition>;
  /** Does something with a partition while no batch of it is in work; not at all when it is no longer ours. */
  readonly inTurn: (
    partition: Partition,
    work: (control: PartitionControl, lost: AbortSignal) => Promise<void>,
  ) => Promise<void>;
}

/**
 * Looks what operators did to our partitions: resumed a halted one, set one back, filled a gap. One statement per
 * consumer and look; a partition that is at work would notice by its fence, one that stands still would not.
 */
export async function watchPartitions<DB>(
  worker: Worker<DB>,
  watched: Watched,
  everyMs: number,
  signal: AbortSignal,
): Promise<void> {
  const { clock, log } = worker.context;
  for (;;) {
    await clock.sleep(everyMs, signal);
    if (signal.aborted) return;
    try {
      await look(worker, watched);
    } catch (error) {
      // The database is away or being mended: slices tell, and wait. The next look is soon.
      log.debug({ err: error }, 'could not look after operators');
    }
  }
}

async function look<DB>(worker: Worker<DB>, { partitions, inTurn }: Watched): Promise<void> {
  const { database, definition } = worker.context;
  const held = [...partitions()].map((partition) => ({ partition, nextOffset: partition.nextOffset }));
  if (held.length === 0) return;
  const rows = await readPartitions(database.executor, definition.name);
  for (const partition of touched(held, rows))
    await inTurn(partition, (control, lost) => takeUp(worker, partition, control, lost));
}

/** True while only another version of this consumer handles what this partition waits at. */
async function waitsForNewer<DB>(
  { context }: Worker<DB>,
  { key, halted, ahead }: Partition,
): Promise<boolean> {
  if (halted?.code !== 'type_ahead') return false;
  return (await readHandled(context.database.executor, key, [...ahead])).length > 0;
}

/** Takes the database's word for where a partition stands, and goes on from there. */
async function takeUp<DB>(
  worker: Worker<DB>,
  partition: Partition,
  control: PartitionControl,
  lost: AbortSignal,
): Promise<void> {
  const { nextOffset, halted } = partition;
  try {
    if (await waitsForNewer(worker, partition)) return;
    await reload(worker.context, partition);
  } catch (error) {
    worker.context.log.debug({ err: error }, 'could not look after operators');
    return;
  }
  const moved =
    partition.nextOffset !== nextOffset || (halted !== undefined) !== (partition.halted !== undefined);
  if (partition.halted === undefined) await workFill(worker, partition, lost, control.signal);
  if (!moved) return;
  partition.revision += 1;
  const { log } = worker.context;
  log.info(
    { ...placeOf(partition), from: `${nextOffset}`, to: `${partition.nextOffset}` },
    'an operator moved it',
  );
  control.seek(partition.nextOffset);
  if (partition.halted === undefined) control.resume();
  else control.pause();
}

/** Where a partition stood before its rows were read. */
export interface Held {
  readonly partition: Partition;
  readonly nextOffset: bigint;
}

/**
 * The partitions that somebody else touched: an operator resumed, replayed or filled them. Those that moved while the
 * rows were read are at work, and notice by their fence. Pure.
 */
export function touched(held: readonly Held[], rows: readonly PartitionRow[]): readonly Partition[] {
  return held
    .filter(({ partition, nextOffset }) => {
      if (partition.nextOffset !== nextOffset) return false;
      const { topic, partition: number } = partition.key;
      const row = rows.find((one) => one.topic === topic && one.partition === number);
      if (row === undefined) return false;
      const resumed = row.halted === undefined && partition.halted !== undefined;
      const halted = row.halted !== undefined && partition.halted === undefined;
      return resumed || halted || row.nextOffset !== nextOffset || (row.filled && row.halted === undefined);
    })
    .map(({ partition }) => partition);
}
