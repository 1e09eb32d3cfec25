import type { Clock, Random } from '@converge/runtime';
import type { Assignment, ConsumerHandlers, PartitionControl, StartAt } from '../broker.ts';
import { partitionId } from '../broker.ts';
import { delayMs, isOutOfRange, isRepeatable } from './backoff.ts';
import { topicRecreated } from '../topic-errors.ts';
import type { Fetched, GroupLink, Log, Membership } from './link.ts';
import { type FlowHooks, PartitionFlow } from './partition-flow.ts';
import { Signal } from './signal.ts';

export interface SessionOptions {
  readonly link: GroupLink;
  readonly membership: Membership;
  readonly handlers: ConsumerHandlers;
  readonly maxWaitMs: number;
  readonly maxBytesPerPartition: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** A batch of an earlier membership that has not ended yet: no batch of its partition may begin before. */
  readonly draining: (place: Assignment) => Promise<void> | undefined;
  /** The consumer cannot go on. */
  readonly onFatal: (error: unknown) => void;
}

/** A fetch that leaves out partitions with enough to do waits no longer than this, so that they are soon in the next. */
const SHORT_WAIT_MS = 5;

/** One membership at work: asks where to begin, fetches from every leader, and ends all of it at the rebalance. */
export class GroupSession {
  readonly #options: SessionOptions;
  readonly #flows: ReadonlyMap<string, PartitionFlow>;
  readonly #ended = new AbortController();
  readonly #changed = new Signal();
  readonly #fetching = new Set<number>();
  readonly #work: Promise<void>[] = [];
  #beginning: Promise<void> = Promise.resolve();

  constructor(options: SessionOptions) {
    this.#options = options;
    const { handlers, link, membership } = options;
    const hooks: FlowHooks = {
      batch: (batch, control) => handlers.batch(batch, control),
      placeLost: (place, error, control) =>
        handlers.placeLost === undefined ? Promise.reject(error) : handlers.placeLost(place, error, control),
      commit: (place, offset) => link.commit(membership, place, offset),
      wake: () => this.#changed.notify(),
      failed: options.onFatal,
    };
    this.#flows = new Map(
      membership.assigned.map((place) => [
        partitionId(place.topic, place.partition),
        new PartitionFlow(place, hooks),
      ]),
    );
  }

  start(): void {
    if (this.#flows.size === 0) return;
    this.#beginning = this.#begin();
    this.#work.push(this.#watchLeaders());
  }

  control(topic: string, partition: number): PartitionControl | undefined {
    const flow = this.#flows.get(partitionId(topic, partition));
    return flow?.open === true ? flow.control : undefined;
  }

  /** Topics that were made again: positions of the old log mean nothing in the new one, and may well exist there. */
  loseTopics(topics: readonly string[]): void {
    for (const topic of topics)
      for (const flow of this.#flows.values())
        if (flow.place.topic === topic) flow.lose(topicRecreated(topic));
  }

  /** Ends it: signals aborted, then `revoked`. Returns what is still in progress, by partition. */
  end(): ReadonlyMap<string, Promise<void>> {
    this.#ended.abort();
    const inProgress = async (flow: PartitionFlow): Promise<void> => {
      await Promise.all([flow.close(), this.#beginning]);
    };
    const running = new Map([...this.#flows].map(([id, flow]) => [id, inProgress(flow)]));
    this.#changed.notify();
    try {
      if (this.#flows.size > 0) this.#options.handlers.revoked(this.#options.membership.assigned);
    } catch (error) {
      this.#options.onFatal(error);
    }
    return running;
  }

  /** Resolves when no loop of it runs any more. */
  async finished(): Promise<void> {
    await Promise.all(this.#work);
  }

  async #begin(): Promise<void> {
    const { handlers, membership, log, draining } = this.#options;
    for (let attempt = 0; !this.#ended.signal.aborted; attempt += 1) {
      try {
        const starts = await handlers.assigned(membership.assigned);
        for (const [id, flow] of this.#flows)
          void this.#startFlow(flow, starts.get(id), draining(flow.place));
        return;
      } catch (error) {
        log('warn', 'the owner of new partitions did not say where to begin: asking again', { error });
        await this.#pauseAfter(attempt);
      }
    }
  }

  async #startFlow(
    flow: PartitionFlow,
    at: StartAt | undefined,
    before: Promise<void> | undefined,
  ): Promise<void> {
    await before;
    flow.start(at ?? 'committed');
  }

  /** One fetch loop for each broker that leads a partition of ours; a partition without a leader is looked up again. */
  async #watchLeaders(): Promise<void> {
    for (let attempt = 0; !this.#ended.signal.aborted;) {
      const wait = this.#changed.next();
      let homeless = false;
      for (const flow of this.#flows.values()) {
        const node = this.#options.link.nodeOf(flow.place);
        if (node === undefined) homeless = true;
        else if (!this.#fetching.has(node)) {
          this.#fetching.add(node);
          this.#work.push(this.#fetchFrom(node));
        }
      }
      if (!homeless) {
        attempt = 0;
        await wait;
      } else {
        if (attempt === 3) this.#options.log('warn', 'a partition has no leader: looking for one', {});
        await this.#pauseAfter(attempt++);
        await this.#refresh();
      }
    }
  }

  async #fetchFrom(node: number): Promise<void> {
    let failures = 0;
    let turn = 0;
    while (!this.#ended.signal.aborted) {
      const wait = this.#changed.next();
      try {
        const fetched = await this.#fetchOnce(node, turn++);
        if (fetched === 'nothing') await wait;
        else failures = fetched === 'refused' ? await this.#recover(failures, undefined) : 0;
      } catch (error) {
        failures = await this.#recover(failures, error);
      }
    }
  }

  async #fetchOnce(node: number, rotate: number): Promise<'fetched' | 'refused' | 'nothing'> {
    const { link, maxWaitMs, maxBytesPerPartition } = this.#options;
    const mine = [...this.#flows.values()].filter((flow) => link.nodeOf(flow.place) === node);
    const hungry = mine.filter((flow) => flow.appetite === 'hungry');
    if (hungry.length === 0) return 'nothing';
    await this.#resolvePositions(hungry);
    // Rotated, so that a fetch filled up by its first partitions starves nobody.
    const first = rotate % hungry.length;
    const asked = [...hungry.slice(first), ...hungry.slice(0, first)].flatMap((flow) =>
      typeof flow.position === 'bigint' && flow.appetite === 'hungry'
        ? [{ flow, turn: flow.turn, offset: flow.position }]
        : [],
    );
    if (asked.length === 0) return 'fetched';
    const waitMs = mine.some((flow) => flow.appetite === 'busy')
      ? Math.min(SHORT_WAIT_MS, maxWaitMs)
      : maxWaitMs;
    const wants = asked.map(({ flow, offset }) => ({
      ...flow.place,
      offset,
      maxBytes: maxBytesPerPartition,
    }));
    const answers = await link.fetch(node, wants, waitMs);
    const turns = new Map(
      asked.map(({ flow, turn }) => [partitionId(flow.place.topic, flow.place.partition), turn]),
    );
    return (await this.#share(answers, turns)) ? 'fetched' : 'refused';
  }

  async #share(answers: readonly Fetched[], turns: ReadonlyMap<string, number>): Promise<boolean> {
    let healthy = true;
    for (const answer of answers) {
      const id = partitionId(answer.topic, answer.partition);
      const flow = this.#flows.get(id);
      const turn = turns.get(id);
      if (flow === undefined || turn === undefined || flow.turn !== turn) continue;
      if (answer.ok) flow.accept(answer, turn);
      else {
        healthy = false;
        if (isRepeatable(answer.error)) continue;
        // A place outside the log may be one of another log: that the topic was made again says more, so it is asked first.
        await this.#refresh();
        if (!isOutOfRange(answer.error)) this.#options.onFatal(answer.error);
        else if (flow.turn === turn) flow.lose(answer.error);
      }
    }
    return healthy;
  }

  async #resolvePositions(flows: readonly PartitionFlow[]): Promise<void> {
    const open = flows.filter((flow) => typeof flow.position !== 'bigint');
    if (open.length === 0) return;
    const turns = open.map((flow) => flow.turn);
    const offsets = await this.#options.link.resolve(
      open.map((flow) => ({ ...flow.place, at: flow.position })),
    );
    open.forEach((flow, index) => {
      const offset = offsets[index];
      const turn = turns[index];
      if (offset !== undefined && turn !== undefined) flow.resolved(offset, turn);
    });
  }

  async #recover(failures: number, error: unknown): Promise<number> {
    if (this.#ended.signal.aborted) return failures;
    if (error !== undefined && !isRepeatable(error)) {
      this.#options.onFatal(error);
      return failures;
    }
    if (failures === 3) this.#options.log('warn', 'fetching fails: trying on', { error });
    await this.#pauseAfter(failures);
    await this.#refresh();
    return failures + 1;
  }

  async #refresh(): Promise<void> {
    if (this.#ended.signal.aborted) return;
    try {
      const { link } = this.#options;
      await link.refresh();
      this.loseTopics(link.recreated());
      this.#changed.notify();
    } catch (error) {
      if (!isRepeatable(error)) this.#options.onFatal(error);
    }
  }

  #pauseAfter(attempt: number): Promise<void> {
    return this.#options.clock.sleep(delayMs(attempt, this.#options.random), this.#ended.signal);
  }
}
