import type { Admin, LogEnds } from '@convergekit/kafka';
import { standstill } from './standstill.ts';
import type { Partition, SliceContext } from '../slice/context.ts';
import { attributeNames, instruments } from '@convergekit/telemetry';
import type { ConsumerDefinition } from '../define/define-consumer.ts';

export interface LagWatched {
  /** The partitions in our hands. */
  readonly partitions: () => Iterable<Partition>;
  /** True while our own database does not answer. */
  readonly waiting: () => boolean;
}

/**
 * Compares where partitions stand with where their logs end. The broker is asked, not the client: a client that fetches
 * nothing any more believes that there is nothing.
 */
export async function watchLag<DB>(
  context: SliceContext<DB>,
  admin: Admin,
  watched: LagWatched,
  everyMs: number,
  signal: AbortSignal,
): Promise<void> {
  const { clock, log, definition } = context;
  const told = new Set<string>();
  while (!signal.aborted) {
    try {
      for (const topic of definition.topics) await look(context, admin, watched, topic);
    } catch (error) {
      // While the broker is away nobody can say whether there is something to do.
      for (const partition of watched.partitions()) partition.standstill = undefined;
      log.debug({ err: error }, 'could not look where the logs end');
    }
    reportLag(definition, [...watched.partitions()], clock.now(), told);
    await clock.sleep(everyMs, signal);
  }
}

async function look<DB>(
  { clock }: SliceContext<DB>,
  admin: Admin,
  { partitions, waiting }: LagWatched,
  topic: string,
): Promise<void> {
  const mine = [...partitions()].filter(({ key }) => key.topic === topic);
  if (mine.length === 0) return;
  const ends = await admin.logEnds(topic);
  for (const partition of mine) {
    await measure(
      admin,
      partition,
      ends.find((end) => end.partition === partition.key.partition),
    );
    const { halted, paused } = partition;
    // A fetch that brings nothing is a fault of this process: a restart may help.
    const named =
      halted !== undefined || (paused !== undefined && paused.code !== 'fetch_stalled') || waiting();
    const { nextOffset, lag } = partition;
    partition.standstill = standstill(partition.standstill, { nextOffset, lag, named }, clock.monotonic());
  }
}

/** A log may end with what is no record (marks of transactions, compaction): only a record can be handled. */
async function measure(admin: Admin, partition: Partition, end: LogEnds | undefined): Promise<void> {
  const { nextOffset, key } = partition;
  partition.lag = end === undefined || end.latest <= nextOffset ? 0n : end.latest - nextOffset;
  if (end === undefined || partition.lag === 0n || partition.next?.at === nextOffset) return;
  for await (const { timestampMs } of admin.read(key.topic, key.partition, nextOffset, end.latest)) {
    partition.next = { at: nextOffset, timestampMs };
    return;
  }
  partition.lag = 0n;
}

/** When the oldest record that is not handled was written; undefined when there is none, or it is not known yet. */
export function oldestMs({ lag, next, nextOffset }: Partition): number | undefined {
  return lag > 0n && next?.at === nextOffset ? next.timestampMs : undefined;
}

/**
 * Gauges of this member, by topic: what it has not handled, how old that is, and how many partitions stand still, by the
 * name of why. `told` keeps the names that were told, so that one that is over becomes 0.
 */
export function reportLag<DB>(
  { name, topics }: Pick<ConsumerDefinition<DB>, 'name' | 'topics'>,
  partitions: readonly Partition[],
  nowMs: number,
  told: Set<string>,
): void {
  const made = instruments();
  for (const { halted, paused } of partitions)
    for (const stands of [halted, paused]) if (stands !== undefined) told.add(stands.code);
  for (const topic of topics) {
    const labels = { [attributeNames.consumer]: name, [attributeNames.topic]: topic };
    const mine = partitions.filter(({ key }) => key.topic === topic);
    const ages = mine.map((partition) => nowMs - (oldestMs(partition) ?? nowMs));
    made.inboxLag.record(Number(mine.reduce((sum, { lag }) => sum + lag, 0n)), labels);
    made.inboxOldest.recordMs(Math.max(0, ...ages), labels);
    for (const reason of told) {
      const named = { ...labels, [attributeNames.reason]: reason };
      made.inboxPaused.record(mine.filter((one) => state(one, 'paused') === reason).length, named);
      made.inboxHalted.record(mine.filter((one) => state(one, 'halted') === reason).length, named);
    }
  }
}

function state({ halted, paused }: Partition, wanted: 'halted' | 'paused'): string | undefined {
  if (wanted === 'halted') return halted?.code;
  return halted === undefined ? paused?.code : undefined;
}
