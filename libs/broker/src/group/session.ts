import { type Assignment, type PartitionControl, partitionId, type RevokeReason } from '../broker.ts';
import { FetchLoops } from './fetch-loops.ts';
import type { FetchSettings } from './fetch-watch.ts';
import { delayMs } from './backoff.ts';
import { topicRecreated } from '../errors.ts';
import type { Membership, PlaceOffset } from './link.ts';
import { type FlowHooks, PartitionFlow } from './partition-flow.ts';
import { Signal } from './signal.ts';

export interface SessionOptions extends FetchSettings {
  readonly membership: Membership;
  /** Returns the running batch of an earlier membership: no batch of its partition may begin before it ends. */
  readonly draining: (place: Assignment) => Promise<void> | undefined;
}

/** What an ended session leaves to wait for. */
export interface Ended {
  /** The batches in progress, by partition. */
  readonly running: ReadonlyMap<string, Promise<void>>;
  /** The handler of the revocation. */
  readonly revoked: Promise<void>;
}

/** A membership at work: asks for start positions, fetches from every leader, ends at the rebalance. */
export class GroupSession {
  readonly #options: SessionOptions;
  readonly #flows: ReadonlyMap<string, PartitionFlow>;
  readonly #ended = new AbortController();
  readonly #changed = new Signal();
  readonly #loops: FetchLoops;
  #beginning: Promise<void> = Promise.resolve();
  /** The offsets of this turn of the event loop, and their commit. */
  #offsets = new Map<string, PlaceOffset>();
  #committing: Promise<void> | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    const { handlers, membership } = options;
    const hooks: FlowHooks = {
      batch: (batch, control) => handlers.batch(batch, control),
      placeLost: (place, error, control) =>
        handlers.placeLost === undefined ? Promise.reject(error) : handlers.placeLost(place, error, control),
      commit: (place, offset) => this.#commit({ ...place, offset }),
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

  /** Invalidates the positions of topics that were created again: offsets of the new log may be equal. */
  loseTopics(topics: readonly string[]): void {
    for (const topic of topics)
      for (const flow of this.#flows.values())
        if (flow.place.topic === topic) flow.lose(topicRecreated(topic));
  }

  /** Ends the session: aborts signals, then calls `revoked`. */
  end(why: RevokeReason): Ended {
    this.#ended.abort();
    const inProgress = async (flow: PartitionFlow): Promise<void> => {
      await Promise.all([flow.close(), this.#beginning]);
    };
    const running = new Map([...this.#flows].map(([id, flow]) => [id, inProgress(flow)]));
    this.#changed.notify();
    return { running, revoked: this.#flows.size > 0 ? this.#revoked(why) : Promise.resolve() };
  }

  /** Commits an offset by one request with all others of the same turn of the event loop. */
  #commit(offset: PlaceOffset): Promise<void> {
    this.#offsets.set(partitionId(offset.topic, offset.partition), offset);
    this.#committing ??= this.#commitTogether();
    return this.#committing;
  }

  async #commitTogether(): Promise<void> {
    await Promise.resolve();
    const offsets = [...this.#offsets.values()];
    this.#offsets = new Map();
    this.#committing = undefined;
    const { link, membership } = this.#options;
    await link.commit(membership, offsets);
  }

  async #revoked(why: RevokeReason): Promise<void> {
    const { handlers, membership, onFatal } = this.#options;
    try {
      await handlers.revoked(membership.assigned, why);
    } catch (error) {
      onFatal(error);
    }
  }

  /** Resolves when all loops of the session have ended. */
  finished(): Promise<void> {
    return this.#loops.finished();
  }

  async #begin(): Promise<void> {
    const { clock, handlers, membership, log, draining } = this.#options;
    for (let attempt = 0; !this.#ended.signal.aborted; attempt += 1) {
      try {
        const starts = await handlers.assigned(membership.assigned);
        for (const [id, flow] of this.#flows) {
          const at = starts.get(id) ?? 'committed';
          void Promise.resolve(draining(flow.place)).then(() => flow.start(at));
        }
        return;
      } catch (error) {
        log('warn', 'the handler of an assignment failed to name start positions; it is called again', {
          error,
        });
        await clock.sleep(delayMs(attempt), this.#ended.signal);
      }
    }
  }
}
