import { failpoint, type NextRun, poll } from '@convergekit/core/engine';
import type { FlowState } from '../backlog/flow-state.ts';
import type { PartitionQueue, Unsaved } from '../backlog/partition-queue.ts';
import { doAllFlow, haltText, type Topic } from '../backlog/topic.ts';
import type { Leadership } from '../leader/leadership.ts';
import { endDrain } from '../topics/catch-up.ts';
import { holdTopic, saveHolds } from '../topics/topic-sql.ts';
import { saveCursors } from './save-sql.ts';

/** The period of checks for progress without acknowledgements while all topics flow, in milliseconds. */
const IDLE_MS = 1_000;

/**
 * Saves cursors `saveMs` after an acknowledgement, together with those of the meantime, or earlier after many events.
 * Events after the saved cursors are sent again after a crash.
 */
export function saveLoop(leader: Leadership, saver: CursorSaver): Promise<void> {
  const { ending, acked, backlog, unsaved: wake } = leader;
  const { clock, random, saveMs } = leader.settings;
  const { signal, failed: onError } = ending;
  const run = async (): Promise<NextRun> => {
    await acked.sleep(saveMs, clock, signal);
    if (!ending.isOver()) await saver.save();
    return { afterMs: doAllFlow(backlog.topics) ? IDLE_MS : 0 };
  };
  return poll({ everyMs: IDLE_MS, signal, onError, wake, clock, random, immediately: false, run });
}

export class CursorSaver {
  readonly #leader: Leadership;
  #savedDone: bigint;
  /** The place (ctid) where the row with done_tick was last written. */
  #sourceAt: string | undefined;
  readonly #savedHeld = new Map<Topic, bigint>();

  constructor(leader: Leadership) {
    this.#leader = leader;
    this.#savedDone = leader.main.done;
  }

  /**
   * Saves holds, then cursors with done_tick, then the progress of topics that catch up. All values are taken together.
   * done_tick never passes an event of a topic whose hold is not written; a topic flows again only when its cursors are
   * saved.
   */
  async save(): Promise<void> {
    const { main, backlog } = this.#leader;
    const doneTick = main.done;
    const moved = backlog.takeUnsaved();
    const caughtUp = this.#caughtUp();
    if (!(await this.#writeHolds())) return;
    if ((moved.length > 0 || doneTick > this.#savedDone) && !(await this.#saveCursors(moved, doneTick)))
      return;
    await this.#saveHeld(caughtUp);
  }

  /** Saves the cursors and done_tick; false when deposed. */
  async #saveCursors(moved: readonly Unsaved[], doneTick: bigint): Promise<boolean> {
    const { writes, term, server } = this.#leader;
    const cursors = moved.map(({ cursor }) => cursor);
    this.#sourceAt = await saveCursors(writes, { term, server, doneTick, cursors, sourceAt: this.#sourceAt });
    if (this.#sourceAt === undefined) {
      this.#leader.deposed(
        'another term stands in the rows of the cursors, or another server has taken over',
      );
      return false;
    }
    for (const { queue, cursor } of moved) queue.saved(cursor);
    this.#savedDone = doneTick;
    failpoint('relay.after_cursor');
    return true;
  }

  /**
   * Writes the holds; false when deposed. A lower hold in the database stays: cursors up to the higher one may not be
   * saved.
   */
  async #writeHolds(): Promise<boolean> {
    const leader = this.#leader;
    for (const topic of leader.backlog.topics)
      for (const { flow } of [topic, ...topic.queues]) {
        const { state } = flow;
        if (state.kind !== 'halted' || state.written) continue;
        const hold = { topic: topic.name, heldAt: state.heldAt, reason: haltText(state.halt) };
        if (!(await holdTopic(leader.writes, leader.fence, hold))) {
          leader.deposed('another relay took over while a topic was being held');
          return false;
        }
        this.#savedHeld.delete(topic);
        flow.written(state);
      }
    return true;
  }

  /** Lists the progress of topics and partitions on separate lanes; `heldAt` is undefined where all is in the log. */
  #caughtUp(): CaughtUp[] {
    const { backlog, main } = this.#leader;
    const caughtUp: CaughtUp[] = [];
    for (const topic of backlog.topics) {
      const held = [topic, ...topic.queues].filter(({ state }) => state.kind !== 'flowing');
      if (held.length === 0 || topic.state.kind === 'halted') continue;
      const drained = held.filter(({ state }) => state.kind === 'joining' && state.lane.isDrained);
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

  async #saveHeld(caughtUp: readonly CaughtUp[]): Promise<void> {
    const leader = this.#leader;
    // A topic or partition that was halted again meanwhile keeps its newer hold.
    const current = caughtUp.filter(({ held }) => held.every(({ holder, state }) => holder.state === state));
    if (current.length === 0) return;
    const rows = current.map(({ topic, heldAt }) => ({ topic: topic.name, heldAt }));
    if (!(await saveHolds(leader.writes, leader.term, rows))) {
      leader.deposed('another term stands in the rows of topics that caught up');
      return;
    }
    for (const { topic, heldAt, held, drained } of current) {
      if (heldAt === undefined) this.#savedHeld.delete(topic);
      else this.#savedHeld.set(topic, heldAt);
      for (const { holder, state } of held)
        if (holder.state === state && drained.includes(holder)) {
          holder.flow.flow();
          const which =
            'partition' in holder
              ? `partition ${holder.partition} of topic ${topic.name}`
              : `topic ${topic.name}`;
          leader.settings.log.info({ topic: topic.name }, `${which} has caught up and flows again`);
        }
      if (heldAt !== undefined) endDrain(leader.backlog, topic, heldAt);
    }
  }
}

interface CaughtUp {
  readonly topic: Topic;
  /** The first window that may still miss events of the topic. */
  readonly heldAt: bigint | undefined;
  /** The topic and its partitions that do not flow, with their states at that moment. */
  readonly held: readonly { readonly holder: Topic | PartitionQueue; readonly state: FlowState }[];
  readonly drained: readonly (Topic | PartitionQueue)[];
}
