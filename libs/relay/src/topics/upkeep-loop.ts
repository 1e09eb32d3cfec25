import { type NextRun, poll } from '@convergekit/core/engine';
import type { Halted } from '../backlog/flow-state.ts';
import { doAllFlow, type Topic } from '../backlog/topic.ts';
import type { Leadership } from '../leader/leadership.ts';
import { compareAgain } from '../log-check/compare.ts';
import { retentionLoop } from '../retention/retention.ts';
import { catchUpPartition, catchUpTopic, followAcceptance } from './catch-up.ts';
import { applyFinding, keepLimit, type TopicChecks } from './topic-check.ts';
import { advanceHold, missesSome, readTopics } from './topic-sql.ts';

/** The period of checks for due work while something is held, in milliseconds. */
const LOOK_MS = 100;
/** The halted topics of one look, the longest waiting first: each is a request, and a writer may name any number. */
const MOST_RECHECKED = 100;
/** The longest pause of checks while all topics flow, in milliseconds. */
const IDLE_MS = 10_000;

/** Rechecks what is halted, compares partition counts, makes room ahead in the outbox, and removes old events. */
export async function upkeepLoop(leader: Leadership, checks: TopicChecks): Promise<void> {
  const { backlog, ending, halted: wake, settings } = leader;
  const { signal, failed: onError } = ending;
  const { clock, random } = settings;
  let verifyAt = clock.monotonic() + settings.verifyMs;
  let upkeepAt = clock.monotonic();
  const run = async (): Promise<NextRun> => {
    const now = clock.monotonic();
    await recheckHalted(leader, checks, now);
    await recheckPartitions(leader, now);
    if (now >= verifyAt) {
      await verifyFlowing(leader, checks);
      await advanceIdleHolds(leader);
      verifyAt = clock.monotonic() + settings.verifyMs;
    }
    if (now >= upkeepAt) {
      await makeRoom(leader);
      upkeepAt = clock.monotonic() + settings.upkeepMs;
    }
    const dueAt = Math.min(verifyAt, upkeepAt);
    return { afterMs: doAllFlow(backlog.topics) ? Math.max(LOOK_MS, dueAt - clock.monotonic()) : LOOK_MS };
  };
  // Both run concurrently: a child that waits for a transaction must not delay a halted topic.
  const upkeep = poll({ everyMs: IDLE_MS, signal, onError, wake, clock, random, run });
  await Promise.all([upkeep, retentionLoop(leader)]);
}

async function makeRoom({ ending, settings }: Leadership): Promise<void> {
  try {
    await settings.upkeep(settings.database, ending.signal);
  } catch (error) {
    settings.log.warn(
      { err: error },
      'no room could be made ahead in the outbox: its last child takes every id; it is tried again',
    );
  }
}

async function recheckHalted(leader: Leadership, checks: TopicChecks, now: number): Promise<void> {
  const { backlog } = leader;
  const due = await followRecord(leader, dueTopics(backlog.topics, now));
  await compareAgain(leader, due);
  for (const topic of due) {
    const { state } = topic;
    // The hold must be written first: done_tick may not pass events that a separate lane reads.
    if (leader.ending.isOver() || state.kind !== 'halted' || !state.written) continue;
    let finding = await checks.find(topic);
    const recounted = finding.kind === 'wrong' && finding.halt.code === 'PARTITION_COUNT_CHANGED';
    if (recounted && topic.isCompared && (await followAcceptance(leader, topic)))
      finding = await checks.find(topic);
    if (finding.kind === 'found' && topic.isCompared) await catchUpTopic(leader, topic, finding);
    if (finding.kind === 'wrong' && finding.halt.code !== state.halt.code) backlog.halt(topic, finding.halt);
    // An operator who accepts a new count waits for the relay: the pause does not grow.
    backlog.recheckLater(topic, recounted);
  }
}

/** The halted topics that are due for a look, at most as many as one look takes. Pure. */
export function dueTopics(topics: readonly Topic[], now: number): readonly Topic[] {
  return topics
    .flatMap((topic) => {
      const { state } = topic;
      return state.kind === 'halted' && state.recheckAt <= now ? [{ topic, at: state.recheckAt }] : [];
    })
    .sort((left, right) => left.at - right.at)
    .slice(0, MOST_RECHECKED)
    .map(({ topic }) => topic);
}

/** Retries halted partitions one by one: each has a separate lane, and costs the others nothing. */
async function recheckPartitions(leader: Leadership, now: number): Promise<void> {
  const { backlog, ending } = leader;
  const isDue = ({ recheckAt, written }: Halted): boolean => recheckAt <= now && written;
  const due = backlog.topics.flatMap((topic) =>
    topic.heldPartitions
      .filter(({ state }) => state.kind === 'halted' && isDue(state))
      .map((queue) => ({ topic, queue })),
  );
  const unread = due.filter(({ queue }) => queue.unread !== undefined);
  await compareAgain(leader, [...new Set(unread.map(({ topic }) => topic))]);
  for (const { topic, queue } of due) {
    if (ending.isOver()) return;
    await catchUpPartition(leader, topic, queue);
    if (queue.unread !== undefined) backlog.recheckLater(queue);
  }
}

async function verifyFlowing(leader: Leadership, checks: TopicChecks): Promise<void> {
  for (const topic of leader.backlog.topics) {
    if (leader.ending.isOver() || topic.state.kind !== 'flowing' || !topic.isVerified) continue;
    const finding = await checks.find(topic);
    // The broker does not answer: the send loop logs that, and there is nothing to compare.
    if (finding.kind === 'unreachable') return;
    if (finding.kind === 'wrong') await applyFinding(leader, topic, finding);
    else await keepLimit(leader, topic, finding.maxBytes);
  }
}

/**
 * Follows what an operator did with held topics: `converge topics forget` and `accept --made-again`. Returns those that
 * are still to be rechecked.
 */
async function followRecord(
  { backlog, settings, writes }: Leadership,
  halted: readonly Topic[],
): Promise<readonly Topic[]> {
  if (halted.length === 0) return halted;
  const names = halted.map(({ name }) => name);
  const onRecord = await readTopics(writes, names);
  return halted.filter((topic) => {
    const { name, state } = topic;
    const found = onRecord.get(name);
    topic.identify(found?.topicId);
    // A hold that is not written yet has no row either.
    if (found !== undefined || state.kind !== 'halted' || !state.written) return true;
    backlog.forget(topic);
    const text = `topic ${name} is forgotten, as an operator asked; a later event of it is one of a new topic`;
    settings.log.info({ topic: name }, text);
    return false;
  });
}

/**
 * Moves the holds of halted topics that have missed no event forward. Retention need not wait for an unused topic. A
 * hold that has missed events stays, until they are sent or an operator forgets the topic.
 */
async function advanceIdleHolds(leader: Leadership): Promise<void> {
  const { backlog, settings, main, term, writes } = leader;
  for (const topic of backlog.topics) {
    const { flow, name, state } = topic;
    if (leader.ending.isOver() || state.kind !== 'halted' || !state.written) continue;
    if (state.missed === 'unknown') {
      // Windows up to done_tick were passed by others; later ones are read here. Not on the connection that saves cursors.
      const since = { topic: name, heldAt: state.heldAt, doneTick: leader.begunAt };
      flow.missedBefore(await missesSome(settings.database.executor, since));
    }
    // Both values are read at one moment: a window that is read later may hold an event of the topic.
    const read = main.done;
    if (state.missed !== 'none' || flow.state !== state || state.heldAt > read) continue;
    const heldAt = await advanceHold(writes, term, { topic: name, read });
    if (heldAt !== undefined) flow.moveHold(state, heldAt);
  }
}
