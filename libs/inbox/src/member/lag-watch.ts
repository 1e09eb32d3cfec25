import { poll } from '@convergekit/core/engine';
import type { Admin, LogEnds } from '@convergekit/broker/engine';
import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import type { ConsumerDefinition } from '../define/define-consumer.ts';
import type { SliceContext } from '../slice/context.ts';
import type { Partition } from '../slice/partition.ts';
import { topicLabels } from '../slice/report.ts';
import { oldestMs } from './oldest-record.ts';
import { standstill } from './standstill.ts';
import type { Watched } from './watch.ts';

/** The member whose lag is watched. */
type LagWatched = Pick<Watched<never>, 'partitions' | 'waiting' | 'outside'>;

/** Compares partitions with the ends of their logs, as the broker says: a stalled client sees no records. */
export async function watchLag<DB>(
  context: SliceContext<DB>,
  admin: Admin,
  watched: LagWatched,
  everyMs: number,
  signal: AbortSignal,
): Promise<void> {
  const { clock, time, random, log, definition } = context;
  const reported = new Set<string>();
  const run = async (): Promise<void> => {
    try {
      for (const topic of definition.topics) await measureTopic(context, admin, watched, topic, everyMs);
    } catch (error) {
      // The broker does not answer, so it is unknown whether there is anything to handle.
      for (const partition of watched.partitions()) partition.looked({ standstill: undefined });
      log.debug({ err: error }, 'the ends of the logs could not be read');
    }
    // Without a membership the lag is unknown, and no 0 says that there is none.
    if (!watched.outside()) reportLag(definition, [...watched.partitions()], time.now(), reported);
  };
  const onError = (error: unknown): void => log.warn({ err: error }, 'lag could not be reported');
  await poll({ everyMs, signal, run, onError, clock, random });
}

async function measureTopic<DB>(
  { clock }: SliceContext<DB>,
  admin: Admin,
  { partitions, waiting }: LagWatched,
  topic: string,
  everyMs: number,
): Promise<void> {
  const owned = [...partitions()].filter(({ key }) => key.topic === topic);
  if (owned.length === 0) return;
  const ends = new Map((await admin.logEnds(topic)).map((end) => [end.partition, end]));
  for (const partition of owned) {
    partition.looked(await measure(admin, partition, ends.get(partition.key.partition)));
    const { nextOffset, halt, pause, watch } = partition;
    // A fetch that returns nothing is a fault of this process: a restart may help.
    const named = halt !== undefined || (pause !== undefined && pause.code !== 'fetch_stalled') || waiting();
    const look = { nextOffset, lag: watch.lag, named };
    partition.looked({ standstill: standstill(watch.standstill, look, { now: clock.monotonic(), everyMs }) });
  }
}

/** Measures the lag in records: a log may end with other entries (marks of transactions, compaction). */
async function measure(
  admin: Admin,
  { key, nextOffset, watch }: Partition,
  end: LogEnds | undefined,
): Promise<Partial<Partition['watch']>> {
  if (end === undefined || end.latest <= nextOffset) return { lag: 0n };
  const lag = end.latest - nextOffset;
  if (watch.next?.at === nextOffset) return { lag };
  for await (const { timestampMs } of admin.read(key.topic, key.partition, nextOffset, end.latest))
    return { lag, next: { at: nextOffset, timestampMs } };
  return { lag: 0n };
}

/** Sets the gauges of this member by topic. The gauge of a reason in `reported` that is over becomes 0. */
function reportLag<DB>(
  { name, topics }: Pick<ConsumerDefinition<DB>, 'name' | 'topics'>,
  partitions: readonly Partition[],
  nowMs: number,
  reported: Set<string>,
): void {
  const made = instruments();
  for (const { halt, pause } of partitions)
    for (const found of [halt, pause]) if (found !== undefined) reported.add(found.code);
  for (const topic of topics) {
    const labels = topicLabels({ consumer: name, topic });
    const owned = partitions.filter(({ key }) => key.topic === topic);
    const ages = owned.map((partition) => nowMs - (oldestMs(partition) ?? nowMs));
    made.inboxLag.record(Number(owned.reduce((sum, { watch }) => sum + watch.lag, 0n)), labels);
    made.inboxOldest.recordMs(Math.max(0, ...ages), labels);
    for (const reason of reported) {
      const named = { ...labels, [attributeNames.reason]: reason };
      made.inboxPaused.record(owned.filter(({ pause }) => pause?.code === reason).length, named);
      made.inboxHalted.record(owned.filter(({ halt }) => halt?.code === reason).length, named);
    }
  }
}
