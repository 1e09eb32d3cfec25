import { failpoint } from '@converge/runtime';
import { endDrain } from './accept.ts';
import type { Leadership } from './leadership.ts';
import { haltText } from './leadership.ts';
import { type CursorRecord, holdTopic } from './leadership-sql.ts';
import { settle, settleHeld } from './settle-sql.ts';
import type { Topic } from './topic.ts';

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
    const cursors: CursorRecord[] = [...leader.dirty].map((queue) => ({
      ...queue.cursor,
      topic: queue.topic,
      partition: queue.partition,
    }));
    leader.dirty.clear();
    leader.unsettled = 0;
    const caughtUp = this.#caughtUp();
    for (const topic of leader.topics.values()) {
      if (topic.state.kind !== 'halted' || topic.state.written) continue;
      const { heldAt, halt } = topic.state;
      if (
        !(await holdTopic(leader.writes, leader.fence, { topic: topic.name, heldAt, reason: haltText(halt) }))
      ) {
        leader.deposed('another relay took over while a topic was being held');
        return;
      }
      // The object is the one that was read above: a newer halt has its own.
      topic.state.written = true;
    }
    if (cursors.length > 0 || doneTick > this.#savedDone) {
      if (!(await settle(leader.writes, { term: leader.term, doneTick, cursors }))) {
        leader.deposed('another term stands in the rows that were to be settled');
        return;
      }
      this.#savedDone = doneTick;
      failpoint('relay.after_cursor');
    }
    await this.#settleHeld(caughtUp);
  }

  /** How far topics on their own lane got; `undefined` for one whose lane is wholly in the log. */
  #caughtUp(): { topic: Topic; heldAt: bigint | undefined; state: Topic['state'] }[] {
    const caughtUp: { topic: Topic; heldAt: bigint | undefined; state: Topic['state'] }[] = [];
    for (const topic of this.#leader.topics.values()) {
      const { state } = topic;
      if (state.kind !== 'catching_up' && state.kind !== 'joining') continue;
      const { lane } = state;
      const drained = state.kind === 'joining' && lane.done === lane.previous.number;
      const heldAt = drained ? undefined : lane.done + 1n;
      if (drained || this.#savedHeld.get(topic) !== heldAt) caughtUp.push({ topic, heldAt, state });
    }
    return caughtUp;
  }

  async #settleHeld(
    caughtUp: readonly { topic: Topic; heldAt: bigint | undefined; state: Topic['state'] }[],
  ): Promise<void> {
    const leader = this.#leader;
    // One that was halted again meanwhile keeps what its halt says.
    const current = caughtUp.filter(({ topic, state }) => topic.state === state);
    if (current.length === 0) return;
    const rows = current.map(({ topic, heldAt }) => ({ topic: topic.name, heldAt }));
    if (!(await settleHeld(leader.writes, leader.term, rows))) {
      leader.deposed('another term stands in the topics that were to be let go');
      return;
    }
    for (const { topic, heldAt, state } of current) {
      if (heldAt !== undefined) this.#savedHeld.set(topic, heldAt);
      if (topic.state === state && heldAt !== undefined) endDrain(leader, topic, heldAt);
      if (topic.state !== state || heldAt !== undefined) continue;
      topic.state = { kind: 'flowing' };
      topic.rechecks = 0;
      this.#savedHeld.delete(topic);
      leader.settings.log.info({ topic: topic.name }, `topic ${topic.name} has caught up and flows again`);
    }
  }
}
