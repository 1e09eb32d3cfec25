import { BrokerError, partitionId } from '@convergekit/broker/engine';
import { ConvergeError } from '@convergekit/core';
import type { Executor } from '@convergekit/postgres';
import type { PartitionQueue } from '../backlog/partition-queue.ts';
import type { Topic } from '../backlog/topic.ts';
import type { Leadership } from '../leader/leadership.ts';
import { type CursorRecord, readCursors, type Takeover } from '../leader/takeover-sql.ts';
import type { Unread } from './deadline.ts';
import { saveComparison } from './facts-sql.ts';
import type { Refusal } from './judge.ts';
import { compareLog, type LogComparison } from './log-check.ts';

/** The time limit of a comparison, in milliseconds: a broker that does not answer must not delay other topics. */
const COMPARE_MS = 10_000;

/**
 * Admits a leadership: writes begin after the log was found to belong to this database. Rejects with the refusals, or
 * when the broker does not answer. A partition whose log cannot be read is halted by itself.
 */
export async function admit(leader: Leadership, { cursors }: Takeover, executor: Executor): Promise<void> {
  const comparison = await compare(leader, executor, cursors);
  if (comparison instanceof BrokerError) {
    const { category, message } = comparison;
    throw new ConvergeError(
      `the log cannot be compared with the database, so no tick is written: ${message}`,
      { code: 'LOG_NOT_COMPARED', category, certainty: 'not_applied', cause: comparison },
    );
  }
  for (const topic of leader.backlog.topics) noteUnread(leader, topic, topic.queues, comparison.unread);
  report(leader, comparison);
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
  const comparison = await compare(leader, leader.writes, cursors);
  for (const [name, of] of Map.groupBy(queues, ({ topic }) => topic)) {
    const topic = leader.backlog.topic(name);
    const unread =
      comparison instanceof BrokerError
        ? [{ topic: name, partition: undefined, code: 'LOG_NOT_COMPARED', why: comparison.message }]
        : comparison.unread;
    if (topic !== undefined) noteUnread(leader, topic, of, unread);
  }
}

/** Compares partitions within `COMPARE_MS`, and saves the comparison. Forged records are kept on the leadership, for the alarm. */
async function compare(
  leader: Leadership,
  executor: Executor,
  cursors: readonly CursorRecord[],
): Promise<LogComparison | BrokerError> {
  const { settings, source, term } = leader;
  const { broker, clock, signingKey } = settings;
  const stop = new AbortController();
  const until = clock.sleep(COMPARE_MS, stop.signal);
  try {
    const comparison = await compareLog({ executor, broker, source, cursors, signingKey, until });
    leader.sawForged(comparison.forged);
    const [first, ...more] = comparison.refusals;
    if (first !== undefined) throw refusalError(first, more.length);
    await saveComparison(executor, term, comparison, signingKey?.id);
    return comparison;
  } catch (error) {
    if (error instanceof BrokerError) return error;
    throw error;
  } finally {
    stop.abort();
  }
}

/** Halts those of the compared partitions of a topic that could not be read. */
function noteUnread(
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

function report({ settings: { log } }: Leadership, comparison: LogComparison): void {
  const { endsOnly, olderBehind, unreadable } = comparison;
  if (endsOnly.length > 0)
    log.warn(
      { partitions: endsOnly.slice(0, 20), count: endsOnly.length },
      'nothing of this source is near the end of some partitions: only the ends of their logs were compared',
    );
  const [hole] = unreadable;
  if (hole !== undefined)
    log.warn(
      { topic: hole.topic, partition: hole.partition, offset: `${hole.offset}`, count: unreadable.length },
      `a batch that cannot be decoded was passed over in the comparison of ${partitionId(hole.topic, hole.partition)}: ${hole.why}`,
    );
  const [old] = olderBehind;
  if (old !== undefined)
    log.error(
      { alarm: 'epoch_superseded', topic: old.topic, partition: old.partition, offset: `${old.offset}` },
      'a record of an older epoch follows the marker of this one: stop the old primary',
    );
}

/** The error that refuses a relay the lead: log and database do not belong together. Nothing was written. */
function refusalError(first: Refusal, more: number): ConvergeError {
  const { code, topic, partition, offset, position, detail } = first;
  const at = position === undefined ? '' : `, position ${position}`;
  const where = topic === undefined ? '' : `${topic}/${partition} at offset ${offset}${at}: `;
  const others = more > 0 ? ` (and ${more} more findings like it)` : '';
  return new ConvergeError(`${code}: ${where}${detail}${others}. Nothing was published. ${waysOn(first)}`, {
    code,
    category: 'data',
    certainty: 'not_applied',
  });
}

function waysOn({ code, topic, partition, offset }: Refusal): string {
  const rebase =
    '`converge source rebase --reason "…" --yes` begins a new epoch here (look first: `converge source rebase --dry-run`)';
  // Any producer of the topic can write such a record: then a rebase would fork a healthy source, and the record must
  // be disowned.
  const disown =
    topic === undefined
      ? ''
      : ` If it was not, another writer of the topic forged that record: \`converge source disown ${topic} ${partition} ${offset} --reason TEXT\` passes over it, and nothing is lost`;
  switch (code) {
    case 'sequence_behind':
      return 'Then rebase, if the relay or `converge source show` still asks for it';
    case 'database_went_back':
      return `If it was restored, failed over or copied: restore it to its latest point if that can be done; else stop every other copy, and ${rebase}.${disown}`;
    case 'database_moved':
      return `Stop the database that it was copied from, and ${rebase}. In a copy of a template that had no event, run \`converge migrate\` instead: it gets an identity of its own`;
    case 'log_behind_cursor':
      return `Restore the topic if that can be done; else ${rebase}: what the log lost is sent again as far as the outbox has it`;
  }
}
