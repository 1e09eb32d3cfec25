import { partitionId } from '../broker.ts';
import { delayMs, isOutOfRange, isRepeatableForMember } from './backoff.ts';
import { type FetchSettings, FetchWatch } from './fetch-watch.ts';
import type { Fetched } from './link.ts';
import type { Asked, PartitionFlow } from './partition-flow.ts';
import type { Signal } from './signal.ts';

export interface FetchLoopsOptions extends FetchSettings {
  readonly flows: ReadonlyMap<string, PartitionFlow>;
  readonly ended: AbortSignal;
  /** Notified when a fetch may be due. */
  readonly changed: Signal;
  readonly onRecreated: (topics: readonly string[]) => void;
}

/**
 * The maximum wait of a fetch by the demand of its broker's partitions, in milliseconds. A fetch cannot be changed while
 * it waits, so one that leaves a partition out is short: the next one may include it.
 */
const WAIT_MS = { busy: 5, none: 50, fetchable: Infinity } as const;

/** The longest wait of a fetch for batches in progress, in milliseconds. */
const GATHER_MS = 50;
/** The number of waits over which their average time forgets. */
const LAST_WAITS = 16;

/** The fetch loops of a membership: one per broker that leads an assigned partition, and a watch. */
export class FetchLoops {
  readonly #options: FetchLoopsOptions;
  readonly #fetching = new Set<number>();
  readonly #work: Promise<void>[] = [];
  readonly #waitedFor = new WeakSet<Promise<void>>();
  /** The average time of the last batches, in milliseconds. */
  #batchMs = 0;

  constructor(options: FetchLoopsOptions) {
    this.#options = options;
  }

  start(): void {
    const { link, changed, ended, flows } = this.#options;
    const ignoreLeaders = link.onLeaders(() => changed.notify());
    ended.addEventListener('abort', ignoreLeaders, { once: true });
    const watch = new FetchWatch(this.#options, () => this.#refresh());
    this.#work.push(this.#watchLeaders(), watch.run([...flows.values()], ended));
  }

  /** Resolves when no loop runs any more. */
  async finished(): Promise<void> {
    await Promise.all(this.#work);
  }

  /** Starts a fetch loop for each leader; looks leaders up again while a partition has none. */
  async #watchLeaders(): Promise<void> {
    for (let attempt = 0; !this.#options.ended.aborted;) {
      const wait = this.#options.changed.next();
      let leaderless = false;
      for (const flow of this.#options.flows.values()) {
        const node = this.#options.link.nodeOf(flow.place);
        if (node === undefined) leaderless = true;
        else if (!this.#fetching.has(node)) {
          this.#fetching.add(node);
          this.#work.push(this.#fetchFrom(node));
        }
      }
      if (!leaderless) {
        attempt = 0;
        await wait;
      } else {
        if (attempt === 3)
          this.#options.log('warn', 'a partition has no leader; leaders are looked up until it has one', {});
        await this.#pauseAfter(attempt++);
        await this.#refresh();
      }
    }
  }

  async #fetchFrom(node: number): Promise<void> {
    let failures = 0;
    let turn = 0;
    while (!this.#options.ended.aborted) {
      const wait = this.#options.changed.next();
      try {
        const fetched = await this.#fetchOnce(node, turn++);
        if (fetched === 'nothing') await wait;
        else failures = fetched === 'refused' ? await this.#recover(failures, undefined) : 0;
        await this.#gather();
      } catch (error) {
        failures = await this.#recover(failures, error);
      }
    }
  }

  async #fetchOnce(node: number, rotate: number): Promise<'fetched' | 'refused' | 'nothing'> {
    const { link, maxWaitMs, maxBytesPerPartition } = this.#options;
    const mine = [...this.#options.flows.values()].filter((flow) => link.nodeOf(flow.place) === node);
    const fetchable = mine.filter((flow) => flow.demand === 'fetchable');
    if (fetchable.length === 0) return 'nothing';
    await this.#resolvePositions(fetchable);
    // The order rotates: the first partitions may fill a fetch, and must not starve the others.
    const first = rotate % fetchable.length;
    const asked = [...fetchable.slice(first), ...fetchable.slice(0, first)].flatMap((flow) =>
      typeof flow.position === 'bigint' && flow.demand === 'fetchable'
        ? [{ flow, turn: flow.turn, offset: flow.position }]
        : [],
    );
    if (asked.length === 0) return 'fetched';
    const waitMs = Math.min(maxWaitMs, ...mine.map((flow) => WAIT_MS[flow.demand]));
    const wants = asked.map(({ flow, offset }) => ({
      ...flow.place,
      offset,
      maxBytes: maxBytesPerPartition,
    }));
    const answers = await link.fetch(node, wants, waitMs);
    const askedOf = new Map(
      asked.map((one) => [partitionId(one.flow.place.topic, one.flow.place.partition), one]),
    );
    return (await this.#share(answers, askedOf)) ? 'fetched' : 'refused';
  }

  /**
   * Lets records gather at the broker while small batches are in progress: until these have ended, or for twice their
   * average time. So a fetch brings what came meanwhile for all partitions, in place of one for each record. A batch that
   * takes longer is waited for once.
   */
  async #gather(): Promise<void> {
    const { flows, clock } = this.#options;
    const running = [...flows.values()].flatMap(({ few }) =>
      few === undefined || this.#waitedFor.has(few) ? [] : [few],
    );
    if (running.length === 0) return;
    for (const batch of running) this.#waitedFor.add(batch);
    const over = new AbortController();
    const began = clock.monotonic();
    void Promise.all(running).then(() => {
      over.abort('ended');
      const tookMs = clock.monotonic() - began;
      this.#batchMs = this.#batchMs === 0 ? tookMs : this.#batchMs + (tookMs - this.#batchMs) / LAST_WAITS;
    });
    await clock.sleep(Math.min(2 * this.#batchMs, GATHER_MS), over.signal);
  }

  async #share(answers: readonly Fetched[], askedOf: ReadonlyMap<string, Asked>): Promise<boolean> {
    let healthy = true;
    for (const answer of answers) {
      const id = partitionId(answer.topic, answer.partition);
      const flow = this.#options.flows.get(id);
      const asked = askedOf.get(id);
      if (flow === undefined || asked === undefined || !flow.isAt(asked)) continue;
      if (answer.ok) {
        if (flow.fetchAgain(answer)) healthy = false;
        else flow.accept(answer, asked);
      } else {
        healthy = false;
        if (isRepeatableForMember(answer.error)) continue;
        // A topic that was created again also looks like a position outside the log; TOPIC_RECREATED is the more
        // precise error.
        await this.#refresh();
        if (!isOutOfRange(answer.error)) this.#options.onFatal(answer.error);
        else if (flow.isAt(asked)) flow.lose(answer.error);
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
    if (this.#options.ended.aborted) return failures;
    if (error !== undefined && !isRepeatableForMember(error)) {
      this.#options.onFatal(error);
      return failures;
    }
    if (failures === 3) this.#options.log('warn', 'fetching fails; it is retried', { error });
    await this.#pauseAfter(failures);
    await this.#refresh();
    return failures + 1;
  }

  async #refresh(): Promise<void> {
    if (this.#options.ended.aborted) return;
    try {
      const { link, onRecreated } = this.#options;
      await link.refresh();
      onRecreated(link.recreated());
      this.#options.changed.notify();
    } catch (error) {
      if (!isRepeatableForMember(error)) this.#options.onFatal(error);
    }
  }

  #pauseAfter(attempt: number): Promise<void> {
    return this.#options.clock.sleep(delayMs(attempt), this.#options.ended);
  }
}
