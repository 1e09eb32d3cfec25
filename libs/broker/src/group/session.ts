import { type Assignment, type PartitionControl, partitionId, type StartAt } from '../broker.ts';
import { FetchLoops, type FetchSettings } from './fetch-loops.ts';
import { delayMs } from './backoff.ts';
import { topicRecreated } from '../errors.ts';
import type { Membership } from './link.ts';
import { type FlowHooks, PartitionFlow } from './partition-flow.ts';
import { Signal } from './signal.ts';

export interface SessionOptions extends FetchSettings {
  readonly membership: Membership;
  /** A batch of an earlier membership that has not ended yet: no batch of its partition may begin before. */
  readonly draining: (place: Assignment) => Promise<void> | undefined;
}

/** One membership at work: asks where to begin, fetches from every leader, and ends all of it at the rebalance. */
export class GroupSession {
  readonly #options: SessionOptions;
  readonly #flows: ReadonlyMap<string, PartitionFlow>;
  readonly #ended = new AbortController();
  readonly #changed = new Signal();
  readonly #loops: FetchLoops;
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
    this.#loops = new FetchLoops({
      ...options,
      flows: this.#flows,
      ended: this.#ended.signal,
      changed: this.#changed,
      onRecreated: (topics) => this.loseTopics(topics),
    });
  }

  start(): void {
    if (this.#flows.size === 0) return;
    this.#beginning = this.#begin();
    this.#loops.start();
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
    await this.#loops.finished();
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

  #pauseAfter(attempt: number): Promise<void> {
    return this.#options.clock.sleep(delayMs(attempt, this.#options.random), this.#ended.signal);
  }
}
