import { partitionOfBytes } from '@convergekit/broker/engine';
import type { TupleBlock } from '@convergekit/postgres/engine';
import { failpoint, type NextRun, poll } from '@convergekit/core/engine';
import type { Lane, OpenWindow } from '../backlog/lane.ts';
import type { Leadership } from '../leader/leadership.ts';
import { isSame, OutboxRows } from './outbox-rows.ts';
import type { PollPacer } from './poll-pacer.ts';
import type { PollOutcome } from './poll-pace.ts';
import type { Tick } from './tick.ts';
import type { Ticker } from './ticker.ts';
import { applyFinding, type TopicChecks } from '../topics/topic-check.ts';
import type { Topic } from '../backlog/topic.ts';
import {
  INDEXED_ROWS,
  mayFit,
  nextTicks,
  type Page,
  PageSize,
  readGroup,
  readWindow,
} from './window-reader.ts';
import { readSnapshot } from './window-sql.ts';

/** The period of ticks while nothing can be sent, in milliseconds: it keeps windows small. */
const TICK_WHILE_FULL_MS = 250;
/** The maximum of rows that a poll returns as text; larger windows are read by number, as bytes, which is cheaper. */
const POLL_ROWS = 500;
/** The bytes that are worth a request while more is being read. */
const SEND_SOON_BYTES = 512 * 1024;

/**
 * Reads windows in order and queues their events by partition. One loop for all lanes, one statement at a time: so a
 * topic that catches up reaches the main lane at a tick boundary, without locks.
 */
export class ReadLoop {
  readonly #leader: Leadership;
  readonly #ticker: Ticker;
  readonly #checks: TopicChecks;
  readonly #page: PageSize;
  readonly #rows = new OutboxRows();
  readonly #pacer: PollPacer;
  /** The snapshot of the last look. */
  #snapshot: string | undefined;
  /** A page is arriving: the connection is not free for anything else. */
  #copying = false;

  constructor(leader: Leadership, ticker: Ticker, checks: TopicChecks, pacer: PollPacer) {
    this.#leader = leader;
    this.#ticker = ticker;
    this.#checks = checks;
    this.#page = new PageSize(leader.settings.pageRows, leader.backlog.pageBytes);
    this.#pacer = pacer;
  }

  /** `onTicked`: the first tick is written. */
  async run(onTicked: () => void): Promise<void> {
    const { main, settings, ending, room: wake } = this.#leader;
    const { clock, random } = settings;
    // The first act of a leader. Nothing is queued, so nothing is sent, before it returned.
    await this.#ticker.tick('always', 0, main.lowest.value);
    if (!ending.isOver()) onTicked();
    const everyMs = Math.max(1, settings.poll.idleMs);
    const run = async (): Promise<NextRun> => {
      await this.#round();
      return { afterMs: this.#pacer.pauseMs };
    };
    await poll({ everyMs, signal: ending.signal, onError: ending.failed, wake, clock, random, run });
  }

  /** Reads one piece of what is there already, or makes a tick and reads its window. */
  async #round(): Promise<void> {
    const { main, ending } = this.#leader;
    await this.#catchUp();
    const { number: latest } = this.#ticker.latest;
    if (main.next <= latest) {
      await this.#readOn(main, latest);
      this.#pacer.hurry();
      return;
    }
    await this.#untilRoom();
    if (ending.isOver()) return;
    await this.#pacer.poll((looks) => this.#poll(looks), ending.signal);
  }

  async #poll(looks: boolean): Promise<PollOutcome> {
    const { main } = this.#leader;
    if (looks && (await this.#isUnchanged())) return 'empty';
    const page = Math.min(this.#page.rows, POLL_ROWS);
    const made = await this.#ticker.tick('when_new', page, main.lowest.value);
    if (made === undefined) return 'empty';
    failpoint('relay.after_tick');
    // The short cut: the reply holds the whole of the window that comes next anyway. Else it is read by number.
    if (made.rows === undefined || made.tick.number !== main.next) return 'full';
    const window = main.begin();
    if (!(await this.#queue(main, window, made.tick, [made.rows]))) return 'empty';
    main.end(window, made.tick);
    return made.rows.count === page ? 'full' : 'window';
  }

  /** True when no transaction with writes has ended since the last look: a poll that was empty then would be again. */
  async #isUnchanged(): Promise<boolean> {
    const before = this.#snapshot;
    this.#snapshot = await readSnapshot(this.#leader.reads);
    return this.#snapshot === before;
  }

  /** Reads the next windows, up to number `to`; small windows are read together. */
  async #readOn(lane: Lane, to: bigint): Promise<void> {
    const leader = this.#leader;
    const ticks = await nextTicks(leader.reads, lane, to, this.#ticker.latest);
    const first = ticks[0];
    if (first === undefined) throw new Error(`tick ${lane.next} is missing in converge.tick`);
    const bytes = leader.backlog.pageBytes;
    const from = { previous: lane.previous, lowest: lane.lowest.value, topic: lane.topic, bytes };
    const few = Math.min(this.#page.rows, INDEXED_ROWS);
    const together = ticks.filter((tick) => mayFit(lane.previous, tick, few));
    const group = together.length > 1 ? await readGroup(leader.reads, from, together, few) : undefined;
    if (group === undefined) {
      await this.#readOne(lane, first);
      await this.#untilRoom();
      return;
    }
    for (const { tick, blocks } of group) {
      const window = lane.begin();
      if (!(await this.#queue(lane, window, tick, blocks))) return;
      lane.end(window, tick);
    }
    await this.#untilRoom();
  }

  async #readOne(lane: Lane, tick: Tick): Promise<void> {
    const leader = this.#leader;
    const window = lane.begin();
    const bytes = leader.backlog.pageBytes;
    const read = { previous: lane.previous, tick, lowest: lane.lowest.value, topic: lane.topic, bytes };
    for await (const page of readWindow(leader.reads, read, () => this.#page.rows)) {
      if (!(await this.#queue(lane, window, tick, page))) return;
      // The wait is between pages: while a page is read, the connection is not free for a tick.
      await this.#untilRoom();
      if (leader.ending.isOver()) return;
    }
    lane.end(window, tick);
  }

  /** False: the leadership ended before all rows were queued, and their window stays open. */
  async #queue(lane: Lane, window: OpenWindow, tick: Tick, page: Page): Promise<boolean> {
    const leader = this.#leader;
    let events = 0;
    let bytes = 0;
    this.#copying = !Array.isArray(page);
    for await (const block of page) {
      if (!(await this.#encode(lane, window, tick, block))) return false;
      events += block.count;
      bytes += block.to - block.from;
      if (leader.backlog.bytes >= SEND_SOON_BYTES) leader.work.notify();
      while (this.#copying && leader.backlog.isOverfull && !leader.ending.isOver())
        await this.#pauseAndTick();
    }
    this.#copying = false;
    this.#page.saw(events, bytes);
    if (lane === leader.main) this.#pacer.saw(events);
    if (leader.backlog.events > 0) leader.work.notify();
    return true;
  }

  async #encode(lane: Lane, window: OpenWindow, tick: Tick, block: TupleBlock): Promise<boolean> {
    const leader = this.#leader;
    const rows = this.#rows;
    rows.load(block);
    let topic: Topic | undefined;
    let isOurs = false;
    let isSplit = false;
    leader.encoder.begin(leader.epoch, tick);
    while (rows.next()) {
      if (topic === undefined || !isSame(rows.bytes, rows.topic, topic.nameBytes)) {
        const name = rows.textOf(rows.topic);
        topic = leader.backlog.topic(name);
        if (topic?.isVerified !== true) topic = await this.#identify(name);
        // The topic may still be unknown: a window that passed without it must not count as done.
        if (leader.ending.isOver()) return false;
        isOurs = topic.isReadBy(lane, leader.main);
        isSplit = topic.heldPartitions.length > 0;
        if (lane === leader.main) topic.flow.miss();
      }
      if (isOurs) this.#push(topic, window, isSplit ? lane : undefined);
    }
    return true;
  }

  /**
   * Encodes the present row into its partition's open batch. Rows already there, or of another lane than `only`, are
   * skipped.
   */
  #push(topic: Topic, window: OpenWindow, only: Lane | undefined): void {
    const leader = this.#leader;
    const rows = this.#rows;
    const queue = topic.queues[partitionOfBytes(rows.bytes, rows.key.from, rows.key.to, topic.partitions)];
    if (queue === undefined || queue.isPassed(window.number, rows.id)) return;
    if (only !== undefined && topic.laneOf(queue, leader.main) !== only) return;
    const batch = queue.open(leader.encoder.room(rows));
    leader.encoder.write(rows, batch.builder, queue.prev, queue);
    leader.backlog.push(queue, rows.id, window, leader.epoch);
  }

  /** Finds and records a topic, or halts it. The promise is pending while the broker is down. */
  async #identify(name: string): Promise<Topic> {
    const leader = this.#leader;
    const topic = leader.backlog.topic(name) ?? leader.backlog.add(name);
    while (!topic.isVerified && topic.state.kind !== 'halted' && !leader.ending.isOver()) {
      const finding = await this.#checks.find(topic);
      if (finding.kind === 'unreachable') {
        this.#trouble(finding.detail);
        await this.#pauseAndTick();
      } else await applyFinding(leader, topic, finding);
    }
    return topic;
  }

  #trouble(detail: string): void {
    if (this.#leader.brokerTrouble === undefined)
      this.#leader.settings.log.warn({ detail }, 'the broker does not answer; asking again until it does');
    this.#leader.brokerTrouble = detail;
  }

  async #untilRoom(): Promise<void> {
    while (this.#leader.backlog.isFull && !this.#leader.ending.isOver()) await this.#pauseAndTick();
  }

  async #pauseAndTick(): Promise<void> {
    const { clock } = this.#leader.settings;
    const began = clock.monotonic();
    await this.#leader.room.sleep(TICK_WHILE_FULL_MS, clock, this.#leader.ending.signal);
    if (this.#leader.ending.isOver() || clock.monotonic() - began < TICK_WHILE_FULL_MS - 1) return;
    // The tick would wait for the page to be read, which waits for this pause.
    if (this.#copying) return;
    await this.#ticker.tick('when_new', 0, this.#leader.main.lowest.value);
  }

  /** Reads the lanes of what catches up, and joins them to the main lane. Called between two windows of the main lane. */
  async #catchUp(): Promise<void> {
    const { main, backlog, ending } = this.#leader;
    for (const topic of backlog.topics) {
      for (const holder of [topic, ...topic.heldPartitions]) {
        if (ending.isOver() || holder.state.kind !== 'catching_up') continue;
        // A partition that may still be stuck is read only to its first events, until they are written.
        if ('isProbe' in holder && holder.isProbe && holder.size > 0) continue;
        const { lane } = holder.state;
        await this.#untilRoom();
        const until = lane.until === undefined || lane.until >= main.next ? main.next - 1n : lane.until;
        if (!ending.isOver() && lane.next <= until) await this.#readOn(lane, until);
        if (lane.until !== undefined || lane.next !== main.next) continue;
        holder.flow.join(lane);
      }
    }
  }
}
