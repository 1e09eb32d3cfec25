import { advanceHold, missesSome } from './forget-sql.ts';
import type { Leadership } from './leadership.ts';

/**
 * Moves the holds of halted topics forward that have missed no event: retention need not wait for a topic that is not
 * used any more. What a hold has missed stays where it is, until it is sent or an operator forgets the topic.
 */
export async function advanceIdleHolds(leader: Leadership): Promise<void> {
  const { settings, main, term, writes } = leader;
  for (const topic of [...leader.topics.values()]) {
    const { state } = topic;
    if (leader.ending.isOver() || state.kind !== 'halted' || !state.written) continue;
    if (topic.missed === 'unknown') {
      // Windows up to done_tick were passed by others; later ones are read here. Not on the connection that saves cursors.
      const since = { topic: topic.name, heldAt: state.heldAt, doneTick: leader.begunAt };
      topic.missedBefore(await missesSome(settings.database.executor, since));
    }
    // Both at one moment: a window that is read later may hold an event of the topic.
    const read = main.done;
    if (topic.missed !== 'none' || topic.state !== state || state.heldAt > read) continue;
    const heldAt = await advanceHold(writes, term, { topic: topic.name, read });
    if (heldAt !== undefined && topic.state === state) topic.state = { ...state, heldAt };
  }
}
