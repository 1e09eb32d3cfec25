import { followAcceptance } from './accept.ts';
import type { Leadership } from '../leader/leadership.ts';
import { compareAgain } from '../log-check/compare-again.ts';
import { applyFinding, beginCatchUp, catchUpPartition, type TopicChecks } from './topic-check.ts';
import { retentionLoop } from '../retention/retention.ts';
import type { Wake } from '../leader/wake.ts';
import { advanceHold, missesSome, readTopicsOnRecord } from './topic-sql.ts';
import type { Topic } from '../backlog/topic.ts';

/** How often to see whether something is due, milliseconds. */
const LOOK_MS = 100;

/** Looks at halted topics again, compares partition counts, makes room ahead in the outbox, and lets old events go. */
export async function upkeepLoop(leader: Leadership, checks: TopicChecks, wake: Wake): Promise<void> {
  // Side by side: a child that waits for somebody's transaction must not keep a halted topic waiting.
  await Promise.all([look(leader, checks, wake), retentionLoop(leader)]);
}

async function look(leader: Leadership, checks: TopicChecks, wake: Wake): Promise<void> {
  const { ending, settings } = leader;
  const { clock } = settings;
  let verifyAt = clock.monotonic() + settings.verifyMs;
  let upkeepAt = clock.monotonic();
  const stop = new AbortController();
  ending.onEnd(() => stop.abort());
  while (!ending.isOver()) {
    const now = clock.monotonic();
    await recheckHalted(leader, checks, now);
    await recheckApart(leader, now);
    if (now >= verifyAt) {
      await verifyFlowing(leader, checks);
      await advanceIdleHolds(leader);
      verifyAt = clock.monotonic() + settings.verifyMs;
    }
    if (now >= upkeepAt) {
      await settings
        .upkeep(settings.database, stop.signal)
        .catch((error: unknown) =>
          settings.log.warn(
            { error },
            'no room could be made ahead in the outbox; its last child takes every id',
          ),
        );
      upkeepAt = clock.monotonic() + settings.upkeepMs;
    }
    if (!ending.isOver()) await wake.wait(LOOK_MS);
  }
}

async function recheckHalted(leader: Leadership, checks: TopicChecks, now: number): Promise<void> {
  const due = await followRecord(
    leader,
    [...leader.topics.values()].filter(({ state }) => state.kind === 'halted' && state.recheckAt <= now),
  );
  await compareAgain(leader, due);
  for (const topic of due) {
    const { state } = topic;
    // Before its hold is written, done_tick may not pass what a lane of its own reads.
    if (leader.ending.isOver() || state.kind !== 'halted' || !state.written) continue;
    const { clock, recheckMs } = leader.settings;
    let finding = await checks.find(topic);
    const recounted = finding.kind === 'wrong' && finding.halt.code === 'PARTITION_COUNT_CHANGED';
    if (recounted && topic.isCompared && (await followAcceptance(leader, topic)))
      finding = await checks.find(topic);
    if (finding.kind === 'found' && topic.isCompared) await beginCatchUp(leader, topic, finding);
    if (finding.kind === 'wrong' && finding.halt.code !== state.halt.code) leader.halt(topic, finding.halt);
    if (topic.state.kind !== 'halted') continue;
    // An operator who accepts a new count waits for us: the pause does not grow.
    const pause = recounted ? 1 : Math.min(30, 2 ** topic.rechecks);
    topic.state.recheckAt = clock.monotonic() + recheckMs * pause;
    topic.rechecks += 1;
  }
}

/** Tries partitions that are set apart again, one by one: each has a lane of its own, and costs the others nothing. */
async function recheckApart(leader: Leadership, now: number): Promise<void> {
  const due = [...leader.topics.values()].flatMap((topic) =>
    topic.apart.flatMap((queue) => {
      const { state } = queue;
      const isDue = state.kind === 'halted' && state.recheckAt <= now && state.written;
      return isDue ? [{ topic, queue, state }] : [];
    }),
  );
  const unread = due.filter(({ queue }) => queue.unread !== undefined);
  await compareAgain(leader, [...new Set(unread.map(({ topic }) => topic))]);
  for (const { topic, queue, state } of due) {
    if (leader.ending.isOver()) return;
    await catchUpPartition(leader, topic, queue);
    if (queue.unread === undefined) continue;
    state.recheckAt = leader.recheckAt(queue.rechecks);
    queue.rechecks += 1;
  }
}

async function verifyFlowing(leader: Leadership, checks: TopicChecks): Promise<void> {
  for (const topic of [...leader.topics.values()]) {
    if (leader.ending.isOver() || topic.state.kind !== 'flowing' || !topic.verified) continue;
    const finding = await checks.find(topic);
    // The broker does not answer: the send loop says so, and there is nothing to compare.
    if (finding.kind === 'unreachable') return;
    if (finding.kind === 'wrong') await applyFinding(leader, topic, finding);
  }
}

/**
 * Follows what an operator did with held topics: `converge topics forget` and `accept --made-again`. Returns those that
 * are still to be looked at.
 */
async function followRecord(leader: Leadership, halted: readonly Topic[]): Promise<readonly Topic[]> {
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

/**
 * Moves the holds of halted topics forward that have missed no event: retention need not wait for a topic that is not
 * used any more. What a hold has missed stays where it is, until it is sent or an operator forgets the topic.
 */
async function advanceIdleHolds(leader: Leadership): Promise<void> {
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
