import { setImmediate } from 'node:timers/promises';
import type { Part } from './apply-slice.ts';
import { commitSlice, commitTogether, sliceOf, type SliceResult } from './commit-slice.ts';
import type { SliceContext } from './context.ts';
import { committedEarly, faultOf } from './fault.ts';
import { groupsOf, jointWaitMs, mayJoin } from './joint-decision.ts';

/** The slices that go alone after a joint slice failed, so that a failing event costs few handlers a second run. */
const ALONE = 100;

interface Waiting<DB> extends Part<DB> {
  readonly result: PromiseWithResolvers<SliceResult>;
}

/**
 * Commits the slices of a member's partitions. Small ones that come while others are in work wait for them, for
 * about as long as a slice takes (`jointWaitMs`), and then share a transaction: a joint slice. If it fails, it leaves nothing, and each partition
 * goes alone.
 */
export class JointSlices<DB> {
  readonly #context: SliceContext<DB>;
  #waiting: Waiting<DB>[] = [];
  #starting = false;
  #running = 0;
  #alone = 0;

  constructor(context: SliceContext<DB>) {
    this.#context = context;
  }

  /** Commits the steps of a partition, which has no other slice in work. */
  commit(part: Part<DB>): Promise<SliceResult> {
    if (this.#alone > 0) this.#alone -= 1;
    else if (mayJoin(part.partition, part.steps, this.#context.pace)) {
      const result = Promise.withResolvers<SliceResult>();
      this.#waiting.push({ ...part, result });
      void this.#start();
      return result.promise;
    }
    return commitSlice(this.#context, part);
  }

  /** Starts what waits, unless slices are in work. The slices of one fetch come in one turn of the event loop. */
  async #start(): Promise<void> {
    if (this.#starting || this.#running > 0 || this.#waiting.length === 0) return;
    this.#starting = true;
    await setImmediate();
    this.#starting = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    const { pace, bounds } = this.#context;
    void this.#run(groupsOf(waiting, pace, bounds));
  }

  /** Runs groups beside each other. The next ones wait until these have ended, or until they take long. */
  async #run(groups: readonly (readonly Waiting<DB>[])[]): Promise<void> {
    this.#running += 1;
    const ended = new AbortController();
    const all = Promise.all(groups.map((group) => this.#commit(group))).then(() => ended.abort('ended'));
    await this.#context.clock.sleep(jointWaitMs(this.#context.pace), ended.signal);
    this.#running -= 1;
    void this.#start();
    await all;
  }

  async #commit(group: readonly Waiting<DB>[]): Promise<void> {
    if (group.length > 1) {
      if (await commitJoint(this.#context, group)) return;
      this.#alone = ALONE;
    }
    await Promise.all(
      group.map(({ result, ...part }) =>
        commitSlice(this.#context, part).then(result.resolve, result.reject),
      ),
    );
  }
}

/** Commits slices in one transaction. False: it was rolled back, or its commit is in doubt; the saved positions show which. */
async function commitJoint<DB>(context: SliceContext<DB>, group: readonly Waiting<DB>[]): Promise<boolean> {
  try {
    const slices = group.map(({ partition, steps, signal }) => sliceOf({ partition, steps, signal }));
    const moved = await commitTogether(context, slices);
    for (const [at, result] of moved.entries()) group[at]?.result.resolve(result);
    return true;
  } catch (error) {
    const early = committedEarly(error);
    if (early !== undefined) {
      // Alone, the partitions would read the positions that were committed, and pass events that were not handled.
      for (const { result } of group) result.resolve({ kind: 'stop', error: early });
      return true;
    }
    context.log.trace(
      { partitions: group.length, reason: faultOf(error).kind },
      'committing partitions one by one',
    );
    return false;
  }
}
