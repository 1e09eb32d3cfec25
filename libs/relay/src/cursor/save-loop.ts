import { failpoint } from '@convergekit/core';
import { endDrain } from '../topics/accept.ts';
import { haltText, type Leadership } from '../leader/leadership.ts';
import { FLOWING, type FlowState, isDrained } from '../backlog/flow-state.ts';
import { holdTopic, settleHeld } from '../topics/topic-sql.ts';
import { nextSave, type SavedCursor, settle } from './save-sql.ts';
import type { PartitionQueue } from '../backlog/partition-queue.ts';
import type { Topic } from '../backlog/topic.ts';

/** Saves positions every `settleMs`, or earlier after many events. What is not saved is sent again after a crash. */
export async function settleLoop(leader: Leadership): Promise<void> {
  const { ending, acked, settings } = leader;
  const settler = new Settler(leader);
  while (!ending.isOver()) {
    await acked.wait(settings.settleMs);
    if (!ending.isOver()) await settler.settle();
  }
}

export class Settler {
  readonly #leader: Leadership;
  #savedDone: bigint;
  readonly #savedHeld = new Map<Topic, bigint>();

  constructor(leader: Leadership) {
    this.#leader = leader;
    this.#savedDone = leader.main.done;
  }

  /**
   * In this order, from values that were taken together: holds, then cursors with done_tick, then what was caught up.
   * done_tick never passes an event of a topic whose hold is not written; a topic is let go only when its cursors are.
   */
  async settle(): Promise<void> {
    const leader = this.#leader;
    const doneTick = leader.main.done;
    const moved = [...leader.dirty];
    const cursors = moved.map((queue): SavedCursor => {
      const { topic, partition, save, cursor } = queue;
      return { ...cursor, topic, partition, save, nextSave: nextSave(save, queue.saves + 1n) };
    });
    leader.dirty.clear();
    leader.unsettled = 0;
    const caughtUp = this.#caughtUp();
    if (!(await this.#writeHolds())) return;
    if (cursors.length > 0 || doneTick > this.#savedDone) {
      const { term, sourceAt } = leader;
      leader.sourceAt = await settle(leader.writes, { term, doneTick, cursors, sourceAt });
      if (leader.sourceAt === undefined) {
        leader.deposed('another term stands in the rows that were to be settled');
        return;
      }
      for (const [at, queue] of moved.entries()) {
        queue.save = cursors[at]?.nextSave ?? queue.save;
        queue.saves += 1n;
      }
      this.#savedDone = doneTick;
      failpoint('relay.after_cursor');
    }
    await this.#settleHeld(caughtUp);
  }

  /** False: deposed. A hold that stands lower already stays: cursors up to the higher one may not be saved. */
  async #writeHolds(): Promise<boolean> {
    const leader = this.#leader;
    for (const topic of leader.topics.values())
      for (const { state } of [topic, ...topic.queues]) {
        if (state.kind !== 'halted' || state.written) continue;
        const hold = { topic: topic.name, heldAt: state.heldAt, reason: haltText(state.halt) };
        if (!(await holdTopic(leader.writes, leader.fence, hold))) {
          leader.deposed('another relay took over while a topic was being held');
          return false;
        }
        this.#savedHeld.delete(topic);
        // The object is the one that was read above: a newer halt has its own.
        state.written = true;
      }
    return true;
  }

  /** How far topics and partitions on their own lanes got; `heldAt` is undefined where all of it is in the log. */
  #caughtUp(): CaughtUp[] {
    const { topics, main } = this.#leader;
    const caughtUp: CaughtUp[] = [];
    for (const topic of topics.values()) {
      const held = [topic, ...topic.queues].filter(({ state }) => state.kind !== 'flowing');
      if (held.length === 0 || topic.state.kind === 'halted') continue;
      const drained = held.filter(({ state }) => isDrained(state));
      const heldAt = drained.length === held.length ? undefined : topic.heldAt(main);
      if (drained.length > 0 || this.#savedHeld.get(topic) !== heldAt)
        caughtUp.push({
          topic,
          heldAt,
          held: held.map((holder) => ({ holder, state: holder.state })),
          drained,
        });
    }
    return caughtUp;
  }

  async #settleHeld(caughtUp: readonly CaughtUp[]): Promise<void> {
    const leader = this.#leader;
    // What was halted again meanwhile keeps what its halt says.
    const current = caughtUp.filter(({ held }) => held.every(({ holder, state }) => holder.state === state));
    if (current.length === 0) return;
    const rows = current.map(({ topic, heldAt }) => ({ topic: topic.name, heldAt }));
    if (!(await settleHeld(leader.writes, leader.term, rows))) {
      leader.deposed('another term stands in the topics that were to be let go');
      return;
    }
    for (const { topic, heldAt, held, drained } of current) {
      if (heldAt === undefined) this.#savedHeld.delete(topic);
      else this.#savedHeld.set(topic, heldAt);
      for (const { holder, state } of held)
        if (holder.state === state && drained.includes(holder)) {
          holder.state = FLOWING;
          holder.rechecks = 0;
          const which =
            'partition' in holder
              ? `partition ${holder.partition} of topic ${topic.name}`
              : `topic ${topic.name}`;
          leader.settings.log.info({ topic: topic.name }, `${which} has caught up and flows again`);
        }
      if (heldAt !== undefined) endDrain(leader, topic, heldAt);
    }
  }
}

interface CaughtUp {
  readonly topic: Topic;
  /** The first window that may still miss events of the topic. */
  readonly heldAt: bigint | undefined;
  /** The topic and its partitions that do not flow, as they were when this was seen. */
  readonly held: readonly { readonly holder: Topic | PartitionQueue; readonly state: FlowState }[];
  readonly drained: readonly (Topic | PartitionQueue)[];
}
