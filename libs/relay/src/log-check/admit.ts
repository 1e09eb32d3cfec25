import { BrokerError, partitionId } from '@convergekit/broker/engine';
import { ConvergeError } from '@convergekit/core';
import type { Executor } from '@convergekit/postgres';
import type { Leadership } from '../leader/leadership.ts';
import type { Takeover } from '../leader/takeover-sql.ts';
import { saveComparison } from './facts-sql.ts';
import { compareWithin, noteUnread } from './compare-again.ts';
import type { compareLog, LogComparison } from './log-check.ts';
import { LogCheckError } from './refusal.ts';

/**
 * Admits a leadership: writes begin after the log was found to belong to this database. Rejects with the refusals, or
 * when the broker does not answer. A partition whose log cannot be read is halted by itself.
 */
export async function admit(leader: Leadership, takeover: Takeover, executor: Executor): Promise<void> {
  const { settings, source, term } = leader;
  const { cursors } = takeover;
  const comparison = await compare(leader, { executor, broker: settings.broker, source, cursors });
  const [first, ...more] = comparison.refusals;
  if (first !== undefined) throw new LogCheckError([first, ...more]);
  await saveComparison(executor, term, comparison, settings.signingKey?.id);
  for (const topic of leader.backlog.topics) noteUnread(leader, topic, topic.queues, comparison.unread);
  report(leader, comparison);
}

async function compare(
  leader: Leadership,
  request: Omit<Parameters<typeof compareLog>[0], 'until' | 'signingKey'>,
): Promise<LogComparison> {
  try {
    return await compareWithin(leader, request);
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    throw new ConvergeError(
      `the log cannot be compared with the database, so no tick is written: ${error.message}`,
      { code: 'LOG_NOT_COMPARED', category: error.category, certainty: 'not_applied', cause: error },
    );
  }
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
