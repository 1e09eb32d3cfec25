import { readTopicsOnRecord } from './forget-sql.ts';
import type { Leadership } from './leadership.ts';
import type { Topic } from './topic.ts';

/**
 * Follows what an operator did with held topics: `converge topics forget` and `accept --made-again`. Returns those that
 * are still to be looked at.
 */
export async function followRecord(leader: Leadership, halted: readonly Topic[]): Promise<readonly Topic[]> {
  if (halted.length === 0) return halted;
  const names = halted.map(({ name }) => name);
  const onRecord = await readTopicsOnRecord(leader.writes, names);
  return halted.filter((topic) => {
    const { state } = topic;
    const found = onRecord.get(topic.name);
    topic.topicId = found?.topicId;
    // A hold that is not written yet has no row either.
    if (found !== undefined || state.kind !== 'halted' || !state.written) return true;
    leader.topics.delete(topic.name);
    for (const queue of topic.queues) leader.dirty.delete(queue);
    leader.settings.log.info(
      { topic: topic.name },
      `topic ${topic.name} was forgotten on an operator's word; an event that still comes is met as that of a new topic`,
    );
    return false;
  });
}
