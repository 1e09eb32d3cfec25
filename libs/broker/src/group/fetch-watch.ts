import type { Clock } from '@convergekit/core';
import type { ConsumerHandlers, FetchStall } from '../broker.ts';
import type { GroupLink, Log } from './link.ts';
import type { PartitionFlow } from './partition-flow.ts';

export interface FetchSettings {
  readonly link: GroupLink;
  readonly handlers: ConsumerHandlers;
  readonly maxWaitMs: number;
  readonly maxBytesPerPartition: number;
  /** The time a partition may be ready for records without an answer, in milliseconds. */
  readonly fetchStallMs: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends the consumer. */
  readonly onFatal: (error: unknown) => void;
}

interface Seen {
  readonly answers: number;
  readonly since: number;
}

/** Number of looks within `fetchStallMs`. */
const LOOKS = 5;

/**
 * Detects partitions that are ready for records and are not fetched. It does not rely on the state of the fetch loops:
 * it counts answers, and asks the broker for the end of the log. It reports a stall and wakes the loops after a look-up
 * of leaders, so that a fault of the loops costs seconds.
 */
export class FetchWatch {
  readonly #settings: FetchSettings;
  readonly #refresh: () => Promise<void>;
  readonly #seen = new Map<PartitionFlow, Seen>();
  readonly #reported = new Set<PartitionFlow>();

  /** `refresh` looks leaders up and wakes the fetch loops. */
  constructor(settings: FetchSettings, refresh: () => Promise<void>) {
    this.#settings = settings;
    this.#refresh = refresh;
  }

  async run(flows: readonly PartitionFlow[], signal: AbortSignal): Promise<void> {
    const { clock, fetchStallMs } = this.#settings;
    const ended = (): boolean => signal.aborted;
    while (!ended()) {
      await clock.sleep(fetchStallMs / LOOKS, signal);
      if (ended()) return;
      const suspects = flows.filter((flow) => this.#isSuspect(flow));
      const found = await Promise.all(suspects.map((flow) => this.#look(flow)));
      if (found.includes(true) && !ended()) await this.#refresh();
    }
  }

  /** True when a partition was ready too long without an answer (records or the end of the log). */
  #isSuspect(flow: PartitionFlow): boolean {
    const now = this.#settings.clock.monotonic();
    const seen = this.#seen.get(flow);
    if (flow.demand === 'fetchable' && seen?.answers === flow.answers)
      return now - seen.since >= this.#settings.fetchStallMs;
    this.#seen.set(flow, { answers: flow.answers, since: now });
    if (this.#reported.delete(flow)) this.#settings.handlers.fetchStalled?.(flow.place, undefined);
    return false;
  }

  /** Reports a stall. Returns true when a look-up of leaders may resolve the stall. */
  async #look(flow: PartitionFlow): Promise<boolean> {
    const stall = await this.#judge(flow);
    if (stall === undefined || !flow.open || this.#seen.get(flow)?.answers !== flow.answers) return false;
    this.#report(flow, stall);
    return stall.reason === 'no_leader' || stall.reason === 'not_fetched';
  }

  async #judge(flow: PartitionFlow): Promise<FetchStall | undefined> {
    const { link, clock, log } = this.#settings;
    const forMs = clock.monotonic() - (this.#seen.get(flow)?.since ?? 0);
    if (link.nodeOf(flow.place) === undefined) return { reason: 'no_leader', forMs, behind: undefined };
    try {
      const { end, stable } = await link.ends(flow.place);
      const { position } = flow;
      if (typeof position !== 'bigint') return { reason: 'not_fetched', forMs, behind: undefined };
      if (end <= position) return undefined;
      const reason = stable <= position ? 'open_transaction' : this.#unfetched(flow);
      return { reason, forMs, behind: end - position };
    } catch (error) {
      // The end of the log is unknown, so it is unknown whether there is anything to fetch.
      log('debug', 'the end of a partition could not be read', { error, ...flow.place });
      return undefined;
    }
  }

  #unfetched({ place }: PartitionFlow): FetchStall['reason'] {
    return this.#settings.link.isThrottled?.(place) === true ? 'throttled' : 'not_fetched';
  }

  #report(flow: PartitionFlow, stall: FetchStall): void {
    const { log, handlers } = this.#settings;
    if (!this.#reported.has(flow))
      log('warn', 'a partition is ready for records and receives none', { ...flow.place, ...stall });
    this.#reported.add(flow);
    handlers.fetchStalled?.(flow.place, stall);
  }
}
