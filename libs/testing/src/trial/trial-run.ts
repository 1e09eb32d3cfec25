import { type Random, seededRandom, systemClock } from '@convergekit/core';
import { deterministicUuid } from '@convergekit/core/engine';
import { waitsForLock } from '../database.ts';
import { type Act, Acts, type RunOptions } from './acts.ts';
import type { Running } from './running.ts';
import { deleteWork } from './trial-sql.ts';
import type { Evidence, RunOf, RunPlan } from './types.ts';

/** A run that came to its end. */
export interface Ran extends Pick<RunOf, 'key' | 'instance'> {
  readonly emitted: readonly Evidence[];
  readonly plan: RunPlan;
}

const MOST_ACTIONS = 1_000;

/**
 * A run of a saga in which chance decides the next action. Actions are deliveries in any order, some twice,
 * turns of the worker, calls that stay in the network, timers, operators. Two actions at a time overlap: one waits
 * before its COMMIT while the other runs to its own COMMIT or into the first one's locks; chance decides which commits
 * first, and which crashes instead.
 */
export class TrialRun {
  /** The actions, in the order in which they happened. */
  readonly trace: string[] = [];
  readonly #options: RunOptions;
  readonly #random: Random;
  readonly #plan: RunPlan;
  readonly #of: RunOf;
  readonly #acts: Acts;

  constructor(options: RunOptions & { readonly plan: (run: RunOf) => RunPlan }, seed: number) {
    const random = seededRandom(seed);
    const instance = deterministicUuid('trial', options.declaration.name, seed);
    this.#options = options;
    this.#random = random;
    this.#of = { key: `o${seed}`, instance, random };
    this.#plan = options.plan(this.#of);
    this.#acts = new Acts(options, this.#of, this.#plan);
    this.trace.push(...(this.#plan.notes ?? []));
  }

  async run(): Promise<Ran> {
    const acts = this.#acts;
    await acts.begin();
    for (let next = await acts.possible(); next.length > 0; next = await acts.possible()) {
      if (this.trace.length > MOST_ACTIONS)
        throw new Error(`the run has no end: ${MOST_ACTIONS} actions have happened`);
      const first = acts.take(next);
      const others = first.alone ? [] : next.filter(({ alone }) => alone !== true);
      // Two actions at the same step are the interesting case.
      const same = others.filter(({ at }) => at !== undefined && at === first.at);
      const second = same.length > 0 && this.#random() < 0.6 ? same : this.#random() < 0.2 ? others : [];
      if (second.length > 0) await this.#together(first, acts.take(second));
      else await this.#alone(first);
    }
    // The timers that did not come due must not be found by the next run.
    for (const { database } of this.#options.lanes) await deleteWork(database.executor, this.#of.instance);
    const { key, instance } = this.#of;
    return { key, instance, emitted: acts.emitted, plan: this.#plan };
  }

  async #alone(act: Act): Promise<void> {
    const crash = this.#random() < 0.05 && act.cannotCrash !== true;
    this.trace.push(crash ? `${act.name}, and crashes` : act.name);
    const running = act.begin();
    await running.stands();
    await this.#end(running, crash);
  }

  async #together(first: Act, second: Act): Promise<void> {
    const one = first.begin();
    await one.stands();
    const other = second.begin();
    const blocked = await this.#blocked(other);
    const swapped = !blocked && this.#random() < 0.5;
    const crash = this.#random() < 0.1 && (swapped ? second : first).cannotCrash !== true;
    const how = [blocked ? 'waits' : '', swapped ? 'commits first' : '', crash ? 'the former crashes' : ''];
    this.trace.push(`${first.name} | ${second.name}: ${how.filter(Boolean).join(', ')}`);
    const [former, latter] = swapped ? [other, one] : [one, other];
    const over = this.#end(former, crash);
    // The process of a crashed action may go on to wait for a lock that the other holds by now.
    if (!crash) await over;
    await latter.stands();
    await Promise.all([over, this.#end(latter, false)]);
  }

  /** Lets the action commit, unless it is in the network. */
  async #end(running: Running, crash: boolean): Promise<void> {
    if (this.#acts.network.holds(running)) return;
    running.barrier.open(crash ? 'crash' : 'commit');
    await running.rests();
  }

  /** True when the action waits for a lock, false when it has ended: no other session runs in these databases. */
  async #blocked(running: Running): Promise<boolean> {
    const stood = new AbortController();
    const stand = (): void => stood.abort();
    running.stands().then(stand, stand);
    for (; !stood.signal.aborted; await systemClock.sleep(1))
      for (const { database } of this.#options.lanes) if (await waitsForLock(database.executor)) return true;
    return false;
  }
}
