import {
  scheduleDetach,
  forgetRequests,
  type DetachOptions,
  listChildren,
  readDetaching,
  stepDetach,
} from '@convergekit/outbox';
import { failpoint } from '@convergekit/core';
import type { Fence } from '../leadership-sql.ts';
import type { RelayDatabase } from '../ports.ts';
import { childrenToLeave, keepTicksFrom, lowestRetained } from './decision.ts';
import { deleteTicks, readHorizon, readLastBefore } from './retention-sql.ts';
import type { RetentionSettings } from './settings.ts';

/** What one run removed. */
export interface RetentionCounts {
  readonly children: readonly string[];
  readonly ticks: number;
  readonly requests: number;
  /** A child that waits for the transactions of others. */
  readonly waiting: string | undefined;
}

export interface RetentionParts extends Omit<DetachOptions, 'waitMs' | 'signal'> {
  readonly database: RelayDatabase;
  readonly fence: Fence;
  readonly settings: RetentionSettings;
  readonly signal: AbortSignal;
}

/** Removes what is past its time: whole children, the ticks that order nothing any more, old request keys. */
export class Retention {
  readonly #parts: RetentionParts;
  /** Below it no tick is left but those that cursors name. */
  #ticksFrom = 0n;

  constructor(parts: RetentionParts) {
    this.#parts = parts;
  }

  async runOnce(): Promise<RetentionCounts> {
    const { database, fence, settings } = this.#parts;
    const { executor } = database;
    const horizon = await readHorizon(executor, fence, settings.retainMs);
    if (horizon === undefined) return { children: [], ticks: 0, requests: 0, waiting: undefined };
    await scheduleDetach(executor, fence, childrenToLeave(await listChildren(executor), horizon));
    const { children, waiting } = await this.#removeChildren();
    const orders = await readLastBefore(executor, horizon.sent, lowestRetained(await listChildren(executor)));
    const ticks = await this.#deleteTicks(keepTicksFrom(horizon, orders));
    return { children, waiting, ticks, requests: await this.#forgetRequests() };
  }

  /** Each step is a transaction of its own and may be the last one before a crash: the next run goes on from there. */
  async #removeChildren(): Promise<Pick<RetentionCounts, 'children' | 'waiting'>> {
    const { database, settings, clock, random, signal } = this.#parts;
    const removed: string[] = [];
    for (;;) {
      const next = (await readDetaching(database.executor))[0];
      if (next === undefined || signal.aborted) return { children: removed, waiting: next?.child };
      const patience = { waitMs: settings.waitMs, clock, random, signal };
      const step = await stepDetach(database, next, patience);
      if (step === 'busy') return { children: removed, waiting: next.child };
      failpoint(`relay.retention.after_${next.state}`);
      if (step === 'removed') removed.push(next.child);
    }
  }

  async #deleteTicks(below: bigint): Promise<number> {
    const { database, fence, settings, signal } = this.#parts;
    let deleted = 0;
    while (!signal.aborted && this.#ticksFrom < below) {
      const range = { from: this.#ticksFrom, below, limit: settings.batchRows };
      const { ticks, last } = await deleteTicks(database.executor, fence, range);
      deleted += ticks;
      this.#ticksFrom = ticks < settings.batchRows || last === undefined ? below : last + 1n;
    }
    return deleted;
  }

  async #forgetRequests(): Promise<number> {
    const { database, settings, signal } = this.#parts;
    let forgotten = 0;
    for (;;) {
      if (signal.aborted) return forgotten;
      const some = await forgetRequests(database.executor, settings.retainRequestsMs, settings.batchRows);
      forgotten += some;
      if (some < settings.batchRows) return forgotten;
    }
  }
}
