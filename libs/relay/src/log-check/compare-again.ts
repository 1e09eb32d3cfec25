import { BrokerError, partitionId } from '@convergekit/broker/engine';
import { type CursorRecord, readCursors } from '../leader/takeover-sql.ts';
import type { Leadership } from '../leader/leadership.ts';
import type { PartitionQueue } from '../backlog/partition-queue.ts';
import type { Topic } from '../backlog/topic.ts';
import type { Unread } from './deadline.ts';
import { saveComparison } from './facts-sql.ts';
import { compareLog, type LogCheckRequest, type LogComparison } from './log-check.ts';
import { LogCheckError } from './refusal.ts';

/** The time limit of a comparison, in milliseconds: a broker that does not answer must not delay other topics. */
const COMPARE_MS = 10_000;

/** Calls `compareLog` within `COMPARE_MS`. Forged records are kept on the leadership, for the alarm. */
export async function compareWithin(
  leader: Leadership,
  request: Omit<LogCheckRequest, 'until' | 'signingKey'>,
): Promise<LogComparison> {
  const stop = new AbortController();
  const until = leader.settings.clock.sleep(COMPARE_MS, stop.signal);
  try {
    const comparison = await compareLog({ ...request, signingKey: leader.settings.signingKey, until });
    leader.sawForged(comparison.forged);
    return comparison;
  } finally {
    stop.abort();
  }
}

/**
 * Compares the partitions of these topics that could not be read before. Only then may something be sent to them.
 * Rejects with what was found: the leadership ends then, and the next takeover finds it again.
 */
export async function compareAgain(leader: Leadership, topics: readonly Topic[]): Promise<void> {
  const unread = topics.flatMap((topic) => topic.unread);
  if (unread.length === 0) return;
  const names = [...new Set(unread.map(({ topic }) => topic))];
  const all = await readCursors(leader.writes, names, leader.epoch);
  const wanted = new Set(unread.map(({ topic, partition }) => partitionId(topic, partition)));
  const cursors = all.filter(({ topic, partition }) => wanted.has(partitionId(topic, partition)));
  await comparePartitions(leader, unread, cursors);
}

/** Compares partitions with the given cursors. Partitions that cannot be read are halted. */
export async function comparePartitions(
  leader: Leadership,
  queues: readonly PartitionQueue[],
  cursors: readonly CursorRecord[],
): Promise<void> {
  const { writes, settings, source, term } = leader;
  const request = { executor: writes, broker: settings.broker, source, cursors };
  let silence: BrokerError | undefined;
  const comparison = await compareWithin(leader, request).catch((error: unknown) => {
    if (!(error instanceof BrokerError)) throw error;
    silence = error;
  });
  const [first, ...more] = comparison?.refusals ?? [];
  if (first !== undefined) throw new LogCheckError([first, ...more]);
  if (comparison !== undefined) await saveComparison(writes, term, comparison, settings.signingKey?.id);
  const why = silence?.message ?? 'the broker does not answer';
  for (const [name, of] of Map.groupBy(queues, ({ topic }) => topic)) {
    const topic = leader.backlog.topic(name);
    const nothing = { topic: name, partition: undefined, code: 'LOG_NOT_COMPARED', why };
    if (topic !== undefined) noteUnread(leader, topic, of, comparison?.unread ?? [nothing]);
  }
}

/** Halts those of the compared partitions of a topic that could not be read. */
export function noteUnread(
  leader: Leadership,
  topic: Topic,
  compared: readonly PartitionQueue[],
  unread: readonly Unread[],
): void {
  leader.backlog.noteUnread(topic, compared, ({ partition: asked }) => {
    const found = unread.find(
      ({ topic: name, partition = asked }) => name === topic.name && partition === asked,
    );
    return found === undefined ? undefined : { code: found.code, detail: found.why };
  });
}
