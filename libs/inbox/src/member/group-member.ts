import { containStrays } from '@convergekit/core/engine';
import {
  type Admin,
  type Assignment,
  type Broker,
  type GroupConsumer,
  type IncomingBatch,
  type PartitionControl,
  partitionId,
  type RevokeReason,
  type StartAt,
} from '@convergekit/broker/engine';
import type { Check } from '@convergekit/config';
import type { CounterRow } from '@convergekit/postgres/engine';
import type { SliceContext } from '../slice/context.ts';
import { type Partition, placeOf } from '../slice/partition.ts';
import { loadPartitions, startAt } from './assign.ts';
import type { ResolvedOptions } from '../service/options.ts';
import type { Sources } from './sources.ts';
import { fetchStalled } from './pause.ts';
import { watchLag } from './lag-watch.ts';
import { type ConsumerStatus, liveCheck, partitionStatus, readyCheck, waitingIn } from './status.ts';
import { placeLost } from './recover.ts';
import { type Watched, watchPartitions } from './watch.ts';
import { type OffsetHints, offsetHints } from './offset-hints.ts';
import { deferredSaver, saveBeforeLeaving } from './save-deferred.ts';
import { workBatch } from './work-batch.ts';
import { type Turn, type Worker, workerOf } from './worker.ts';

type MemberOptions = Pick<
  ResolvedOptions<never>,
  'sessionTimeoutMs' | 'heartbeatIntervalMs' | 'watchMs' | 'lagEveryMs' | 'stalledAfterMs'
>;

type Work<DB> = (turn: Turn<DB>) => Promise<void>;

/** A consumer as member of its Kafka group: owns partitions, and passes their batches to `workBatch`. */
export class GroupMember<DB> {
  readonly #context: SliceContext<DB>;
  readonly #admin: Admin;
  readonly #worker: Worker<DB>;
  readonly #client: GroupConsumer;
  readonly #partitions = new Map<string, Partition>();
  readonly #turns = new WeakMap<Partition, Promise<void>>();
  readonly #watching = new AbortController();
  readonly #hints: OffsetHints;
  readonly #saveLater: (partition: Partition) => Promise<void>;
  readonly #options: MemberOptions;
  #watch: Promise<void> = Promise.resolve();
  #strays = (): void => undefined;
  readonly #died = Promise.withResolvers<undefined>();
  #state: ConsumerStatus['state'] = 'stopped';
  #stopping = false;

  constructor(
    context: SliceContext<DB>,
    sources: Sources,
    admin: Admin,
    broker: Broker,
    options: MemberOptions,
  ) {
    this.#context = context;
    this.#admin = admin;
    this.#options = options;
    this.#worker = workerOf(context, sources, {
      stopping: () => this.#stopping,
      waiting: (outage) => {
        if (this.#state !== 'failed') this.#state = outage === undefined ? 'running' : 'waiting';
      },
    });
    this.#hints = offsetHints(context.clock, this.#watching.signal);
    const inTurn: Watched<DB>['inTurn'] = (partition, work) => this.#outsideBatch(partition, work);
    this.#saveLater = deferredSaver(this.#worker, inTurn, this.#hints, this.#watching.signal);
    this.#client = broker.consumer({
      groupId: context.definition.name,
      topics: context.definition.topics,
      sessionTimeoutMs: options.sessionTimeoutMs,
      heartbeatIntervalMs: options.heartbeatIntervalMs,
      handlers: {
        assigned: (partitions) => this.#assigned(partitions),
        batch: (batch, control) => this.#batch(batch, control),
        placeLost: (place, _error, control) => this.#placeLost(place, control),
        fetchStalled: ({ topic, partition }, stall) => {
          const owned = this.#partitions.get(partitionId(topic, partition));
          if (owned !== undefined) fetchStalled(context, owned, stall);
        },
        revoked: (partitions, why) => this.#revoked(partitions, why),
      },
    });
    this.#died.promise.catch(() => undefined);
  }

  get name(): string {
    return this.#context.definition.name;
  }

  /** Resolves after `stop`; rejects when this consumer cannot continue. */
  get done(): Promise<void> {
    return this.#died.promise;
  }

  async start(): Promise<void> {
    this.#strays = containStrays();
    await this.#client.start();
    if (this.#stopping) return;
    this.#state = 'running';
    const { watchMs, lagEveryMs } = this.#options;
    const { signal } = this.#watching;
    const watched: Watched<DB> = {
      partitions: () => this.#partitions.values(),
      inTurn: (partition, work) => this.#outsideBatch(partition, work),
      waiting: () => this.#state === 'waiting',
      outside: () => this.#client.outside() !== undefined,
      hint: (partition) => {
        const control = this.#client.control(partition.key.topic, partition.key.partition);
        if (control !== undefined) void this.#hints.later(partition, control);
      },
    };
    this.#watch = watchPartitions(this.#worker, watched, watchMs, signal);
    // A stop does not wait for a broker that is down: the lag request ends with its connection, and changes nothing.
    void watchLag(this.#context, this.#admin, watched, lagEveryMs, signal);
    this.#client.done.then(
      () => this.#died.resolve(undefined),
      (error: unknown) => this.#fail(error),
    );
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#watching.abort();
    await this.#watch;
    await this.#client.stop();
    this.#strays();
    if (this.#state !== 'failed') this.#state = 'stopped';
    this.#died.resolve(undefined);
  }

  status(): ConsumerStatus {
    return {
      consumer: this.#context.definition.name,
      state: this.#state,
      partitions: [...this.#partitions.values()].map(partitionStatus),
      parked: this.#context.parking.totals,
      sourceConflicts: this.#worker.sources.conflicts,
    };
  }

  /** Takes what this member counted. Outside of its group it does not know what waits. */
  takeCounts(): CounterRow | undefined {
    const { counter, time } = this.#context;
    const isOutside = this.#client.outside() !== undefined;
    return counter.take(isOutside ? undefined : waitingIn(this.#partitions.values(), time.now()));
  }

  live(): Check {
    if (this.#state === 'failed') return { ok: false, detail: 'it stopped with an error' };
    return liveCheck(this.#partitions.values(), this.#options.stalledAfterMs);
  }

  ready(): Check {
    return readyCheck(this.#client.outside());
  }

  async #assigned(assignments: readonly Assignment[]): Promise<ReadonlyMap<string, StartAt>> {
    const partitions = await loadPartitions(this.#context, this.#admin, assignments);
    for (const partition of partitions) {
      const { topic, partition: number } = partition.key;
      this.#partitions.set(partitionId(topic, number), partition);
      const { halt } = partition;
      if (halt !== undefined)
        this.#context.log.error({ ...placeOf(partition), alarm: halt.code }, halt.reason);
    }
    return startAt(partitions);
  }

  /** Handles a batch and never rejects: the client would leave the group on an error. */
  async #batch(batch: IncomingBatch, control: PartitionControl): Promise<void> {
    const partition = this.#partitions.get(partitionId(batch.topic, batch.partition));
    // A batch that a stop leaves would be fetched again until the stop has ended.
    if (partition === undefined || this.#stopping || this.#state === 'failed') return control.pause();
    const { revision } = partition;
    await this.#inTurn(partition, control, async (turn) => {
      // Fetched before an operator moved the partition: stale.
      if (partition.revision !== revision) control.seek(partition.nextOffset);
      else await workBatch(turn, batch);
    });
    void this.#saveLater(partition);
    void this.#hints.later(partition, control);
  }

  async #placeLost({ topic, partition: number }: Assignment, control: PartitionControl): Promise<void> {
    const partition = this.#partitions.get(partitionId(topic, number));
    if (partition === undefined) return;
    await this.#inTurn(partition, control, (turn) => placeLost(turn, this.#admin));
  }

  /** Runs `work` between batches: for changes by operators. */
  async #outsideBatch(partition: Partition, work: Work<DB>): Promise<void> {
    const { topic, partition: number } = partition.key;
    const control = this.#client.control(topic, number);
    if (control === undefined) return;
    await this.#inTurn(partition, control, async (turn) => {
      const owned = this.#partitions.get(partitionId(topic, number)) === partition;
      if (owned && !turn.lost.aborted && !this.#stopping) await work(turn);
    });
  }

  /** Runs one piece of work at a time for each partition. Never rejects. */
  #inTurn(partition: Partition, control: PartitionControl, work: Work<DB>): Promise<void> {
    const before = this.#turns.get(partition) ?? Promise.resolve();
    const turn = before.then(() => this.#guarded(partition, control, work));
    this.#turns.set(partition, turn);
    return turn;
  }

  async #guarded(partition: Partition, control: PartitionControl, work: Work<DB>): Promise<void> {
    const lost = new AbortController();
    // A stop aborts the client's signal too, but then the present slice is finished, not rolled back.
    const onAbort = (): void => {
      if (!this.#stopping) lost.abort(control.signal.reason);
    };
    control.signal.addEventListener('abort', onAbort, { once: true });
    if (control.signal.aborted) onAbort();
    try {
      await work({ worker: this.#worker, partition, control, lost: lost.signal });
    } catch (error) {
      control.pause();
      this.#fail(error);
    } finally {
      control.signal.removeEventListener('abort', onAbort);
    }
  }

  /** Saves deferred positions while no other member can own the partitions. Of a lost one nothing is saved. */
  async #revoked(assignments: readonly Assignment[], why: RevokeReason): Promise<void> {
    const given = assignments.flatMap(({ topic, partition: number }) => {
      const id = partitionId(topic, number);
      const partition = this.#partitions.get(id);
      this.#partitions.delete(id);
      return partition === undefined ? [] : [partition];
    });
    if (why === 'lost') return;
    await Promise.all(
      given.map(async (partition) => {
        await this.#turns.get(partition);
        await saveBeforeLeaving(this.#context, partition);
        await this.#hints.leave(partition);
      }),
    );
  }

  #fail(error: unknown): void {
    this.#state = 'failed';
    this.#context.log.error({ err: error }, 'consumer stopped');
    this.#died.reject(error);
  }
}
