import { type Clock, type Random, seededRandom, systemClock } from '@convergekit/core';
import type { Progress } from '../demo/show/progress.ts';
import type { Fault } from './faults/fault.ts';
import { type PlannedFault, planFaults } from './faults/menu.ts';
import type { History } from './history.ts';
import { NotLive, untilLive } from './liveness.ts';
import type { Source, World } from './world.ts';
import { Writers } from './writers.ts';

export interface CampaignOptions {
  readonly world: World;
  readonly minutes: number;
  /** Transactions per second of each source. */
  readonly rate: number;
  readonly seed: number;
  readonly faults: readonly Fault[];
  readonly history: History;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

export interface CampaignResult {
  /** The period in which the writers worked, in milliseconds since the Unix epoch. */
  readonly beganMs: number;
  readonly endedMs: number;
  readonly faults: ReadonlyMap<string, number>;
  readonly writers: ReadonlyMap<Source, Writers>;
  /** The times from a repair until all was published and acknowledged again, in milliseconds. */
  readonly recoveries: readonly { readonly kind: string; readonly ms: number }[];
  readonly failures: readonly string[];
}

const clock: Clock = systemClock;

/**
 * Runs writers at a steady rate, and fault after fault. Each fault is repaired; then everything must be live within a
 * deadline.
 */
export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const { world, rate, seed, progress, signal } = options;
  const writers = new Map(
    world.sources.map((source, index) => [
      source,
      new Writers(source, rate, seededRandom(seed * 1_000 + index), clock),
    ]),
  );
  for (const one of writers.values()) await one.start();
  const beganMs = clock.now();
  const run = new Campaign(options, writers, seededRandom(seed));
  try {
    await run.faultsUntil(clock.monotonic() + options.minutes * 60_000);
  } finally {
    await run.endBackground();
    for (const one of writers.values()) await one.stop().catch(() => undefined);
  }
  const endedMs = clock.now();
  progress.note('the writers have stopped; waiting until all is published');
  if (!signal.aborted) await run.lively('the end');
  return {
    beganMs,
    endedMs,
    writers,
    faults: run.faults,
    recoveries: run.recoveries,
    failures: run.failures,
  };
}

class Campaign {
  readonly faults = new Map<string, number>();
  readonly recoveries: { kind: string; ms: number }[] = [];
  readonly failures: string[] = [];
  readonly #options: CampaignOptions;
  readonly #writers: ReadonlyMap<Source, Writers>;
  readonly #random: Random;
  readonly #background = new Set<Promise<void>>();
  readonly #endBackground = new AbortController();

  constructor(options: CampaignOptions, writers: ReadonlyMap<Source, Writers>, random: Random) {
    this.#options = options;
    this.#writers = writers;
    this.#random = random;
  }

  async faultsUntil(end: number): Promise<void> {
    const { faults } = this.#options;
    let began = clock.monotonic();
    for (const planned of planFaults(this.#random, faults)) {
      const pause = began + planned.afterMs - clock.monotonic();
      if (clock.monotonic() + Math.max(0, pause) >= end) break;
      await this.#wait(pause);
      if (this.#isOver()) return;
      began = clock.monotonic();
      await this.#do(planned);
      if (this.#isOver()) return;
    }
    await this.#wait(end - clock.monotonic());
  }

  /** Waits until all sources are live; what is not in time is a failure. */
  async lively(kind: string): Promise<void> {
    const { world, signal, history } = this.#options;
    const settled = await Promise.allSettled(world.sources.map((source) => untilLive(source, clock, signal)));
    const times = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    for (const result of settled)
      if (result.status === 'rejected') this.#fail(`after "${kind}": ${reasonOf(result.reason)}`);
    if (signal.aborted || times.length < settled.length) return;
    const ms = Math.round(Math.max(...times));
    this.recoveries.push({ kind, ms });
    history.note('live', { after: kind, ms });
  }

  async endBackground(): Promise<void> {
    this.#endBackground.abort();
    await Promise.all(this.#background);
  }

  async #do(planned: PlannedFault): Promise<void> {
    const { fault } = planned;
    this.faults.set(fault.kind, (this.faults.get(fault.kind) ?? 0) + 1);
    const running = this.#run(planned);
    if (fault.background !== true) {
      await running;
      if (!this.#isOver()) await this.lively(fault.kind);
      return;
    }
    const tracked = running.finally(() => this.#background.delete(tracked));
    this.#background.add(tracked);
  }

  async #run({ fault, size, pick }: PlannedFault): Promise<void> {
    const { world, history, progress, signal } = this.#options;
    history.note('fault', { kind: fault.kind, size, pick });
    const began = clock.monotonic();
    const background = fault.background === true ? [this.#endBackground.signal] : [];
    try {
      const detail = await fault.run({
        world,
        writers: this.#writers,
        clock,
        size,
        pick,
        signal: AbortSignal.any([signal, ...background]),
      });
      const ms = Math.round(clock.monotonic() - began);
      history.note('repaired', { kind: fault.kind, ms, detail });
      progress.note(`${fault.kind} (${detail})`);
    } catch (error) {
      if (!signal.aborted) this.#fail(`"${fault.kind}" could not be caused or repaired: ${reasonOf(error)}`);
    }
  }

  async #wait(ms: number): Promise<void> {
    const end = clock.monotonic() + ms;
    const { signal, progress } = this.#options;
    while (clock.monotonic() < end && !signal.aborted) {
      progress.status(this.#summary());
      await clock.sleep(Math.min(1_000, Math.max(1, end - clock.monotonic())), signal);
    }
  }

  /** The first failure ends the run: what comes after it would only cover it. */
  #isOver(): boolean {
    return this.#options.signal.aborted || this.failures.length > 0;
  }

  #summary(): string {
    const each = [...this.#writers].map(([source, { committed, leftOut }]) => {
      const transactions = Object.values(committed).reduce((sum, count) => sum + count, 0);
      return `${source.name}: ${transactions} transactions${leftOut > 0 ? ` (${leftOut} left out)` : ''}`;
    });
    const faults = [...this.faults.values()].reduce((sum, count) => sum + count, 0);
    return `${each.join(', ')}; ${faults} faults`;
  }

  #fail(what: string): void {
    this.failures.push(what);
    this.#options.history.note('failure', { what });
    this.#options.progress.note(`FAILED: ${what}`);
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof NotLive) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
