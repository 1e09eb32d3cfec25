import {
  type DetachOptions,
  forgetRequests,
  listChildren,
  readDetaching,
  scheduleDetach,
  stepDetach,
} from '@convergekit/outbox/engine';
import { failpoint } from '@convergekit/core';
import type { Fence } from '../leader/takeover-sql.ts';
import type { Log, RelayDatabase } from '../ports.ts';
import { childrenToLeave, keepTicksFrom, lowestRetained } from './decision.ts';
import { deleteTicks, readHorizon, readLastBefore } from './retention-sql.ts';
import type { RetentionSettings } from './settings.ts';
import type { Leadership } from '../leader/leadership.ts';

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

/** Runs retention while this relay leads. Never rejects: what cannot go now stays, and publishing does not wait for it. */
export async function retentionLoop(leader: Leadership): Promise<void> {
  const { ending, fence, settings } = leader;
  const { retention, database, clock, random, log } = settings;
  if (retention === false) return;
  const stop = new AbortController();
  ending.onEnd(() => stop.abort());
  const runs = new Retention({ database, fence, settings: retention, clock, random, signal: stop.signal });
  let trouble: string | undefined;
  while (!ending.isOver()) {
    try {
      report(log, await runs.runOnce());
      trouble = undefined;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      // Once per reason: a missing permission would be logged every few seconds.
      if (!ending.isOver() && trouble !== text)
        log.warn({ err: error }, `retention cannot go on: ${text}. Old rows stay; it tries again.`);
      trouble = text;
    }
    await clock.sleep(retention.everyMs * (0.5 + random() / 2), stop.signal);
  }
}

function report(log: Log, { children, ticks, requests, waiting }: RetentionCounts): void {
  if (children.length > 0) log.info({ children, ticks, requests }, 'old events left the outbox');
  else if (ticks + requests > 0) log.debug({ ticks, requests }, 'old ticks and request keys were deleted');
  if (waiting !== undefined)
    log.debug({ child: waiting }, 'a child of the outbox waits for transactions that use the table');
}
