import {
  type Assignment,
  type Broker,
  type ConsumerHandlers,
  type ConsumerOptions,
  type GroupConsumer,
  type IncomingBatch,
  type IncomingRecord,
  type PartitionControl,
  partitionId,
  type RevokeReason,
  type StartAt,
} from '../broker.ts';

export interface MemberOptions extends Partial<Omit<ConsumerOptions, 'handlers'>> {
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly startAt?: (place: Assignment) => StartAt;
  readonly assigned?: (places: readonly Assignment[]) => Promise<void>;
  readonly batch?: (batch: IncomingBatch, control: PartitionControl) => Promise<void>;
  readonly placeLost?: ConsumerHandlers['placeLost'];
  readonly fetchStalled?: ConsumerHandlers['fetchStalled'];
  /** Work that a revocation causes. */
  readonly revoked?: (why: RevokeReason) => Promise<void>;
}

/** Commits a batch; a commit of a membership that is over is refused, and another member gets the batch again. */
export const commitAll: NonNullable<MemberOptions['batch']> = (batch, control) =>
  control.commit(batch.records.at(-1)!.offset + 1n).catch(() => undefined);

/** A consumer that records its calls and checks the invariants of each. */
export class Member {
  readonly consumer: GroupConsumer;
  readonly seen: IncomingRecord[] = [];
  readonly batches: IncomingBatch[] = [];
  /** The calls of the handlers, in order. */
  readonly story: string[] = [];
  readonly broken: string[] = [];
  readonly owned = new Set<string>();
  readonly #running = new Set<string>();
  readonly #signals = new Map<string, AbortSignal>();
  readonly #gates: (() => void)[] = [];

  constructor(broker: Broker, options: MemberOptions) {
    const {
      startAt = () => 'earliest',
      assigned,
      batch,
      placeLost,
      fetchStalled,
      revoked,
      ...rest
    } = options;
    this.consumer = broker.consumer({
      heartbeatIntervalMs: 200,
      ...rest,
      handlers: {
        assigned: async (places) => {
          this.story.push(`assigned ${places.length}`);
          await assigned?.(places);
          for (const place of places) this.owned.add(partitionId(place.topic, place.partition));
          return new Map(places.map((place) => [partitionId(place.topic, place.partition), startAt(place)]));
        },
        batch: (arrived, control) => this.#batch(arrived, control, batch),
        ...(placeLost === undefined ? {} : { placeLost }),
        ...(fetchStalled === undefined ? {} : { fetchStalled }),
        revoked: async (places, why) => {
          this.story.push(`revoked ${places.length}`);
          for (const { topic, partition } of places) this.#revoked(partitionId(topic, partition));
          await revoked?.(why);
        },
      },
    });
  }

  async start(): Promise<this> {
    await this.consumer.start();
    return this;
  }

  /** Creates a promise that the test or its end resolves: handlers that hang must not outlive the test. */
  gate(): { readonly passed: Promise<void>; open(): void } {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#gates.push(() => resolve(undefined));
    return { passed: promise, open: () => resolve(undefined) };
  }

  async release(): Promise<void> {
    for (const open of this.#gates) open();
    await this.consumer.stop();
  }

  async #batch(
    arrived: IncomingBatch,
    control: PartitionControl,
    handle?: (batch: IncomingBatch, control: PartitionControl) => Promise<void>,
  ): Promise<void> {
    const id = partitionId(arrived.topic, arrived.partition);
    if (!this.owned.has(id)) this.broken.push(`batch of ${id}, which is not assigned`);
    if (this.#running.has(id)) this.broken.push(`two batches of ${id} at once`);
    if (control.signal.aborted) this.broken.push(`batch of ${id} after its signal was aborted`);
    if (arrived.records.length === 0) this.broken.push(`empty batch of ${id}`);
    this.#running.add(id);
    this.#signals.set(id, control.signal);
    this.batches.push(arrived);
    this.seen.push(...arrived.records);
    try {
      await handle?.(arrived, control);
    } finally {
      this.#running.delete(id);
    }
  }

  #revoked(id: string): void {
    const signal = this.#signals.get(id);
    if (signal?.aborted === false) this.broken.push(`${id} revoked before its signal was aborted`);
    this.owned.delete(id);
  }
}
