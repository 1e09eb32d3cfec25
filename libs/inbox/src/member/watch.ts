import { poll } from '@convergekit/core/engine';
import { type Partition, placeOf } from '../slice/partition.ts';
import { reload } from './assign.ts';
import { changedWaits, noteWaits, type Seen, seenNow } from './note-waits.ts';
import { byPlace, type PartitionRow, readPartitions } from './partition-sql.ts';
import { isHandled } from './type-sql.ts';
import { workFill } from './work-fill.ts';
import type { Turn, Worker } from './worker.ts';

export interface Watched<DB> {
  /** The partitions that this member owns. */
  readonly partitions: () => Iterable<Partition>;
  /** Runs `work` while no batch of the partition is in progress; not at all when the partition is lost. */
  readonly inTurn: (partition: Partition, work: (turn: Turn<DB>) => Promise<void>) => Promise<void>;
  /** True while the consumer's own database does not answer. */
  readonly waiting: () => boolean;
  /** True while this member is in no group, and has no partitions for that reason. */
  readonly outside: () => boolean;
  /** Has the position of a partition committed in Kafka, which may have forgotten it: the group was away, or its offsets were deleted. */
  readonly hint: (partition: Partition) => void;
}

/**
 * Applies an operator's changes of this member's partitions: a resume, a replay, a filled gap; and finds keys that others parked.
 * One statement per consumer and look, and one more where the partitions wait for something else than on record. A working partition would notice by its fence; a waiting one would not.
 */
export async function watchPartitions<DB>(
  worker: Worker<DB>,
  watched: Watched<DB>,
  everyMs: number,
  signal: AbortSignal,
): Promise<void> {
  const { clock, random, log } = worker.context;
  const seen = new WeakMap<Partition, Seen>();
  await poll({
    everyMs,
    signal,
    clock,
    random,
    immediately: false,
    run: () => look(worker, watched, seen),
    // Slices report an outage of the database, and wait for it. The next look comes soon.
    onError: (error) => log.debug({ err: error }, 'changes by operators could not be read'),
    backoff: { baseMs: everyMs, factor: 1, capMs: everyMs },
  });
}

async function look<DB>(
  worker: Worker<DB>,
  { partitions, inTurn, hint }: Watched<DB>,
  seen: WeakMap<Partition, Seen>,
): Promise<void> {
  const { clock, database, definition, time } = worker.context;
  const before = [...partitions()].map((partition) => ({
    partition,
    nextOffset: partition.saved.nextOffset,
  }));
  if (before.length === 0) return;
  const rows = await readPartitions(database.executor, definition.name);
  const readMs = rows.at(-1)?.readMs;
  if (readMs !== undefined) time.read(readMs);
  if (rows.some(({ keysParked }) => keysParked)) worker.context.parking.found();
  for (const partition of touched(before, rows)) await inTurn(partition, applyChange);
  const monotonicMs = clock.monotonic();
  const owned = [...partitions()].map((partition) => {
    if (!seen.has(partition)) hint(partition);
    const now = seenNow(partition, seen.get(partition), monotonicMs);
    seen.set(partition, now);
    return { partition, seen: now };
  });
  const changed = changedWaits(owned, rows, { now: time.now(), monotonicMs });
  await noteWaits(database.executor, definition.name, changed);
}

/** A partition and its saved offset before its row was read. */
interface Before {
  readonly partition: Partition;
  readonly nextOffset: bigint;
}

/** Finds the partitions that an operator changed (pure). One that moved meanwhile notices by its fence. */
function touched(before: readonly Before[], rows: readonly PartitionRow[]): readonly Partition[] {
  const rowOf = byPlace(rows);
  return before.flatMap(({ partition, nextOffset }) => {
    const row = rowOf(partition.key);
    if (row === undefined || partition.saved.nextOffset !== nextOffset) return [];
    const haltChanged = (row.halted === undefined) !== (partition.halt === undefined);
    const fillable = row.filled && row.halted === undefined;
    const moved = row.nextOffset !== nextOffset || row.server !== partition.saved.server;
    return haltChanged || moved || fillable ? [partition] : [];
  });
}

/** True while only another version of this consumer handles the type at which the partition halted. */
function waitsForNewer<DB>({ context }: Worker<DB>, { key, halt, awaited }: Partition): Promise<boolean> {
  if (halt?.code !== 'type_ahead' || awaited === undefined) return Promise.resolve(false);
  return isHandled(context.database.executor, key, awaited);
}

/** Reloads a partition from the database, and continues from there. */
async function applyChange<DB>(turn: Turn<DB>): Promise<void> {
  const { worker, partition, control } = turn;
  const { nextOffset, saved, halt } = partition;
  const { context } = worker;
  try {
    if (await waitsForNewer(worker, partition)) return;
    await reload(context, partition);
  } catch (error) {
    context.log.debug({ err: error }, 'changes by operators could not be read');
    return;
  }
  const moved =
    partition.saved.nextOffset !== saved.nextOffset ||
    (halt === undefined) !== (partition.halt === undefined);
  if (partition.halt === undefined) await workFill(turn);
  // Deferred events are read again.
  if (!moved && partition.nextOffset === nextOffset) return;
  partition.fetchAgain();
  const range = { from: `${nextOffset}`, to: `${partition.nextOffset}` };
  const why = partition.saved.server === saved.server ? 'an operator' : 'another server of the database';
  if (moved) context.log.info({ ...placeOf(partition), ...range }, `${why} moved the partition`);
  control.seek(partition.nextOffset);
  if (partition.halt === undefined) control.resume();
  else control.pause();
}
