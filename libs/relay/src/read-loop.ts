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
import { readWindow } from './window-reader.ts';

/** While nothing can be sent, a tick every so often keeps windows small. */
const TICK_WHILE_FULL_MS = 250;
/** Windows that a topic catching up may read for each one of the main lane: it must gain on it. */
const CATCH_UP_WINDOWS = 16;

/**
 * Reads windows in order and queues their events by partition. One loop for all lanes, one statement at a time: so a
 * topic that catches up meets the main lane at a tick boundary, and nobody has to wait for anybody.
 */
export class ReadLoop {
  readonly #leader: Leadership;
  readonly #ticker: Ticker;
  readonly #checks: TopicChecks;
  readonly #page: PageSize;
  /** Ticks read ahead, per lane. */
  readonly #ticks = new WeakMap<Lane, Tick[]>();

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
        await this.#readNext(main);
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
    await this.#queue(main, window, made.tick, made.rows);
    main.end(window, made.tick);
    return made.rows.length === page ? 'full' : 'window';
  }

  async #readNext(lane: Lane): Promise<void> {
    const leader = this.#leader;
    const tick = await this.#nextTick(lane);
    const window = lane.begin();
    const read = { previous: lane.previous, tick, lowest: lane.lowest.value, topic: lane.topic };
    for await (const rows of readWindow(leader.reads, read, () => this.#page.rows)) {
      await this.#queue(lane, window, tick, rows);
      await this.#untilRoom();
      if (leader.ending.isOver()) return;
    }
    lane.end(window, tick);
  }

  async #nextTick(lane: Lane): Promise<Tick> {
    let ticks = this.#ticks.get(lane);
    if (ticks === undefined || ticks.length === 0) {
      ticks = [...(await readTicks(this.#leader.reads, lane.next, 64))];
      this.#ticks.set(lane, ticks);
    }
    // The poll's short cut may have gone past ticks that were read ahead.
    let tick = ticks.shift();
    while (tick !== undefined && tick.number < lane.next) tick = ticks.shift();
    if (tick?.number === lane.next) return tick;
    if (tick === undefined) return this.#nextTick(lane);
    throw new Error(`tick ${lane.next} is missing in converge.tick, the next one is ${tick.number}`);
  }

  async #queue(lane: Lane, window: OpenWindow, tick: Tick, rows: readonly OutboxRow[]): Promise<void> {
    const leader = this.#leader;
    for (const row of rows) if (leader.topics.get(row.topic)?.verified !== true) await this.#meet(row.topic);
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
      for (let count = 0; count < CATCH_UP_WINDOWS && !ending.isOver(); count += 1) {
        if (topic.state.kind !== 'catching_up') break;
        const { lane } = topic.state;
        if (lane.next === main.next) {
          topic.state = { kind: 'joining', lane };
          break;
        }
        await this.#untilRoom();
        if (!ending.isOver()) await this.#readNext(lane);
      }
    }
  }
}
