import { failpoint } from '@converge/runtime';
import { partitionOf } from '@converge/kafka';
import { isPassed } from './cursor.ts';
import type { Lane } from './lane.ts';
import type { Leadership } from './leadership.ts';
import { PageSize } from './page-size.ts';
import type { OpenWindow } from './partition-queue.ts';
import { nextPace, type PollOutcome, startPace } from './poll-interval.ts';
import type { Tick } from './tick.ts';
import type { Ticker } from './ticker.ts';
import { applyFinding, type TopicChecks } from './topic-check.ts';
import { Topic } from './topic.ts';
import { type OutboxRow, readTicks } from './window-sql.ts';
import { readGroup, readWindow } from './window-reader.ts';

/** While nothing can be sent, a tick every so often keeps windows small. */
const TICK_WHILE_FULL_MS = 250;
/** Windows that are read in one statement at most. A topic that catches up gains on the main lane by that. */
const GROUP = 64;

/**
 * Reads windows in order and queues their events by partition. One loop for all lanes, one statement at a time: so a
 * topic that catches up meets the main lane at a tick boundary, and nobody has to wait for anybody.
 */
export class ReadLoop {
  readonly #leader: Leadership;
  readonly #ticker: Ticker;
  readonly #checks: TopicChecks;
  readonly #page: PageSize;

  constructor(leader: Leadership, ticker: Ticker, checks: TopicChecks) {
    this.#leader = leader;
    this.#ticker = ticker;
    this.#checks = checks;
    this.#page = new PageSize(leader.settings.pageRows, leader.settings.readAheadBytes / 4);
  }

  async run(): Promise<void> {
    const leader = this.#leader;
    const { main, settings, ending } = leader;
    // The first act of a leader. Nothing is queued, so nothing is sent, before it returned.
    await this.#ticker.tick('always', 0, main.lowest.value);
    let pace = startPace;
    while (!ending.isOver()) {
      await this.#catchUp();
      if (main.next <= this.#ticker.latest.number) {
        await this.#readOn(main, this.#ticker.latest.number);
        pace = startPace;
        continue;
      }
      await this.#untilRoom();
      if (ending.isOver()) return;
      const outcome = await this.#poll();
      pace = nextPace(pace, outcome, settings.poll);
      if (pace.pauseMs > 0) await leader.room.wait(pace.pauseMs);
    }
  }

  async #poll(): Promise<PollOutcome> {
    const { main } = this.#leader;
    const page = this.#page.rows;
    const made = await this.#ticker.tick('when_new', page, main.lowest.value);
    if (made === undefined) return 'empty';
    failpoint('relay.after_tick');
    // The short cut: the reply holds the whole of the window that comes next anyway. Else it is read by number.
    if (made.rows === undefined || made.tick.number !== main.next) return 'full';
    const window = main.begin();
    if (!(await this.#queue(main, window, made.tick, made.rows))) return 'empty';
    main.end(window, made.tick);
    return made.rows.length === page ? 'full' : 'window';
  }

  /** Reads the windows that come next, at most up to number `to`: several together when they are small. */
  async #readOn(lane: Lane, to: bigint): Promise<void> {
    const leader = this.#leader;
    const ticks = await this.#nextTicks(lane, to);
    const first = ticks[0];
    if (first === undefined) throw new Error(`tick ${lane.next} is missing in converge.tick`);
    const from = { previous: lane.previous, lowest: lane.lowest.value, topic: lane.topic };
    const group = ticks.length > 1 ? await readGroup(leader.reads, from, ticks, this.#page.rows) : undefined;
    if (group === undefined) {
      await this.#readOne(lane, first);
      await this.#untilRoom();
      return;
    }
    for (const { tick, rows } of group) {
      const window = lane.begin();
      if (!(await this.#queue(lane, window, tick, rows))) return;
      lane.end(window, tick);
    }
    await this.#untilRoom();
  }

  async #readOne(lane: Lane, tick: Tick): Promise<void> {
    const leader = this.#leader;
    const window = lane.begin();
    const read = { previous: lane.previous, tick, lowest: lane.lowest.value, topic: lane.topic };
    for await (const rows of readWindow(leader.reads, read, () => this.#page.rows)) {
      if (!(await this.#queue(lane, window, tick, rows))) return;
      await this.#untilRoom();
      if (leader.ending.isOver()) return;
    }
    lane.end(window, tick);
  }

  /** The next ticks of this lane, without a hole. */
  async #nextTicks(lane: Lane, to: bigint): Promise<readonly Tick[]> {
    const room = to - lane.next + 1n;
    const ticks = await readTicks(this.#leader.reads, lane.next, room < BigInt(GROUP) ? Number(room) : GROUP);
    for (const [at, tick] of ticks.entries())
      if (tick.number !== lane.next + BigInt(at))
        throw new Error(`tick ${lane.next + BigInt(at)} is missing in converge.tick`);
    return ticks;
  }

  /** False: the leadership ended before the rows were queued, and their window stays open. */
  async #queue(lane: Lane, window: OpenWindow, tick: Tick, rows: readonly OutboxRow[]): Promise<boolean> {
    const leader = this.#leader;
    for (const row of rows) if (leader.topics.get(row.topic)?.verified !== true) await this.#meet(row.topic);
    // A topic may still be unknown then: a window that was passed over without it must not count as done.
    if (leader.ending.isOver()) return false;
    const before = leader.queuedEvents;
    let bytes = 0;
    const start = `${leader.epoch}.${tick.number}.`;
    const end = `.${tick.nonce}`;
    let topic: Topic | undefined;
    for (const row of rows) {
      if (topic?.name !== row.topic) topic = leader.topics.get(row.topic);
      if (topic?.laneOf(leader.main) !== lane) continue;
      const queue = topic.queues[partitionOf(row.key, topic.partitions)];
      if (queue === undefined || isPassed(queue.queued, tick.number, row.id)) continue;
      const event = leader.encoder.encode(row, start + row.id + end, queue.prev);
      queue.push({ ...event, tick: tick.number, id: row.id, window }, leader.epoch);
      leader.ready.add(queue);
      leader.queuedEvents += 1;
      bytes += event.bytes;
    }
    leader.queuedBytes += bytes;
    this.#page.saw(leader.queuedEvents - before, bytes);
    if (leader.queuedEvents > before) leader.work.notify();
    return true;
  }

  /** Sees to it that the topic is known: found and recorded, or halted. With the broker down that takes until it is back. */
  async #meet(name: string): Promise<void> {
    const leader = this.#leader;
    let topic = leader.topics.get(name);
    if (topic === undefined) {
      topic = new Topic(name, { kind: 'flowing' });
      leader.topics.set(name, topic);
    }
    while (!topic.verified && topic.state.kind !== 'halted' && !leader.ending.isOver()) {
      const finding = await this.#checks.find(topic);
      if (finding.kind === 'unreachable') {
        this.#trouble(finding.detail);
        await this.#pauseAndTick();
      } else await applyFinding(leader, topic, finding);
    }
  }

  #trouble(detail: string): void {
    if (this.#leader.brokerTrouble === undefined)
      this.#leader.settings.log.warn({ detail }, 'the broker does not answer; asking again until it does');
    this.#leader.brokerTrouble = detail;
  }

  async #untilRoom(): Promise<void> {
    while (this.#leader.full && !this.#leader.ending.isOver()) await this.#pauseAndTick();
  }

  async #pauseAndTick(): Promise<void> {
    const { clock } = this.#leader.settings;
    const began = clock.monotonic();
    await this.#leader.room.wait(TICK_WHILE_FULL_MS);
    if (this.#leader.ending.isOver() || clock.monotonic() - began < TICK_WHILE_FULL_MS - 1) return;
    await this.#ticker.tick('when_new', 0, this.#leader.main.lowest.value);
  }

  /** Lets topics that were held gain on the main lane, and join it. Called between two windows of the main lane. */
  async #catchUp(): Promise<void> {
    const { main, topics, ending } = this.#leader;
    for (const topic of topics.values()) {
      if (ending.isOver() || topic.state.kind !== 'catching_up') continue;
      const { lane } = topic.state;
      await this.#untilRoom();
      if (!ending.isOver() && lane.next < main.next) await this.#readOn(lane, main.next - 1n);
      // Halted again while it was read: then its state is another one.
      if (topic.state.lane === lane && lane.next === main.next) topic.state = { kind: 'joining', lane };
    }
  }
}
