import type { Executor } from '@convergekit/postgres';
import type { Clock } from '@convergekit/core';
import { failpoint } from '@convergekit/core/engine';
import { type Entry, rowOf } from './entry.ts';
import { Suspended } from './errors.ts';
import { emptyFold, type Fold, foldEntry, isEnded, replay, stateOf } from './fold.ts';
import { append, type Appending, readJournal } from './journal-sql.ts';
import { type JournalTime, timeAfter } from './journal-time.ts';
import { whyNot } from './rules.ts';
import type { ClaimedWorkflow } from './workflow-sql.ts';

/** The holder after a write: this process, or the next claim after a wait; `operator`: no worker continues it. */
export type Then =
  | { readonly kind: 'held'; readonly ms: number }
  | { readonly kind: 'due'; readonly inMs: number }
  | { readonly kind: 'operator' };

/** A journal in the hands of its holder: its entries, and the only way to write more. */
export class Journal {
  readonly claim: ClaimedWorkflow;
  readonly #clock: Clock;
  readonly #executor: Executor;
  #fold: Fold = emptyFold;
  #entries = 0;
  /** The time of the last entry. */
  #time: JournalTime | undefined;
  #nowMs: number;
  #heardAt: number;
  #sentAt: number;
  #lost = false;

  private constructor(claim: ClaimedWorkflow, executor: Executor, clock: Clock) {
    this.claim = claim;
    this.#executor = executor;
    this.#clock = clock;
    this.#nowMs = claim.nowMs;
    this.#heardAt = clock.monotonic();
    this.#sentAt = this.#heardAt;
  }

  /** Reads the journal of a claimed workflow: no other process writes meanwhile. */
  static async of(claim: ClaimedWorkflow, executor: Executor, clock: Clock): Promise<Journal> {
    const journal = new Journal(claim, executor, clock);
    if (claim.entries === 0) return journal;
    const rows = await readJournal(executor, claim);
    // A claim that was lost in between finds more entries than it claimed; its writes are refused anyway.
    const { fold, time } = replay(rows.slice(0, claim.entries));
    journal.#fold = fold;
    journal.#time = time;
    journal.#entries = claim.entries;
    return journal;
  }

  get fold(): Fold {
    return this.#fold;
  }

  /** Returns the time of the journal, never ahead of the database's: nothing counts as final too early. */
  now(): number {
    const databaseMs = this.#nowMs + (this.#clock.monotonic() - this.#heardAt);
    return timeAfter(this.#time, { databaseMs, workerMs: this.#clock.now() }).ms;
  }

  /** The time when the last write was sent, by the monotonic clock: at or before the start of the lease. */
  get sentAt(): number {
    return this.#sentAt;
  }

  /** Rejects with Suspended `lost` when another process holds the workflow, or the database is away. */
  async write(entries: readonly Entry[], then: Then): Promise<void> {
    const adopt = await this.within(this.#executor, entries, then);
    adopt();
  }

  /** Writes in a transaction of the caller, who calls the resolved function after the commit. */
  async within(executor: Executor, entries: readonly Entry[], then: Then): Promise<() => void> {
    if (this.#lost) throw this.#gone();
    const expected = this.#folded(entries, this.now(), true);
    this.#sentAt = this.#clock.monotonic();
    const workerMs = this.#clock.now();
    const atMs = await this.#append(executor, {
      ...this.claim,
      entries: this.#entries,
      rows: entries.map((entry) => rowOf(entry, workerMs)),
      state: stateOf(expected),
      stuckReason: stateOf(expected) === 'stuck' ? (expected.stuck?.reason ?? null) : null,
      result: expected.result ?? null,
      dueInMs:
        isEnded(expected) || then.kind === 'operator' ? null : then.kind === 'held' ? then.ms : then.inMs,
      release: isEnded(expected) || then.kind !== 'held',
    });
    for (const { kind } of entries) failpoint(`workflow.after_${kind}`);
    return () => {
      const time = timeAfter(this.#time, { databaseMs: atMs, workerMs });
      this.#fold = this.#folded(entries, time.ms, false);
      if (entries.length > 0) this.#time = time;
      this.#entries += entries.length;
      this.#nowMs = atMs;
      this.#heardAt = this.#clock.monotonic();
    };
  }

  async #append(executor: Executor, wanted: Appending): Promise<number> {
    try {
      const atMs = await append(executor, wanted);
      if (atMs !== undefined) return atMs;
    } catch (cause) {
      // The entries may have been written or not: the next claim reads which.
      this.#lost = true;
      throw new Suspended('lost', 'the journal could not be written', { cause });
    }
    this.#lost = true;
    throw this.#gone();
  }

  #folded(entries: readonly Entry[], atMs: number, asked: boolean): Fold {
    let fold = this.#fold;
    for (const entry of entries) {
      const why = asked ? whyNot(fold, entry) : undefined;
      if (why !== undefined)
        throw new RangeError(`${entry.kind} ${entry.path} cannot be written now: ${why}`);
      fold = foldEntry(fold, entry, atMs);
    }
    return fold;
  }

  #gone(): Suspended {
    return new Suspended('lost', 'another process holds the lease of the workflow, and continues it');
  }
}
